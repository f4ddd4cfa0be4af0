#include "core/arena_allocator.h"

#include <algorithm>
#include <stdexcept>

namespace lockstep {

namespace {

constexpr size_t kAlignment = 256;
constexpr size_t kSmallestBlock = 1 << 20;

}  // namespace

ArenaAllocator::~ArenaAllocator() {
  for (const Block& block : blocks_) beneath_.deallocate(block.data, block.size_bytes, stream_);
}

void* ArenaAllocator::allocate(size_t size_bytes, void* stream) {
  if (stream != stream_) throw std::logic_error("an arena's memory is asked for in the order of another stream");
  const size_t rounded = (std::max<size_t>(size_bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  auto place = std::find_if(blocks_.begin(), blocks_.end(), [rounded](const Block& block) {
    return block.size_bytes - block.used_bytes >= rounded;
  });
  if (place == blocks_.end()) {
    Block block;
    block.size_bytes = std::max(rounded, kSmallestBlock);
    block.data = static_cast<char*>(beneath_.allocate(block.size_bytes, stream_));
    blocks_.push_back(std::move(block));
    place = blocks_.end() - 1;
  }
  place->pieces.push_back({place->used_bytes});
  char* const pointer = place->data + place->used_bytes;
  place->used_bytes += rounded;
  return pointer;
}

void ArenaAllocator::deallocate(void* pointer, size_t, void*) noexcept {
  const char* const data = static_cast<const char*>(pointer);
  for (Block& block : blocks_) {
    if (data < block.data || data >= block.data + block.size_bytes) continue;
    const auto begin = static_cast<size_t>(data - block.data);
    for (Piece& piece : block.pieces) {
      if (piece.begin == begin) piece.is_free = true;
    }
    while (!block.pieces.empty() && block.pieces.back().is_free) {
      block.used_bytes = block.pieces.back().begin;
      block.pieces.pop_back();
    }
    return;
  }
}

}  // namespace lockstep
