#pragma once

#include <cstddef>
#include <vector>

#include <lockstep/device.h>

namespace lockstep {

/// Memory for what is allocated over and over in the same way: takes blocks from another allocator, and keeps them. A block
/// is a stack: memory is free again when everything allocated after it in the block is given back too. In the order of one
/// stream; the same requests in the same order take the same places, so a repetition takes nothing from beneath. For one
/// thread at a time.
class ArenaAllocator final : public Allocator {
 public:
  /// Both must outlive the arena.
  ArenaAllocator(Allocator& beneath, void* stream) : beneath_(beneath), stream_(stream) {}
  ~ArenaAllocator() override;
  ArenaAllocator(const ArenaAllocator&) = delete;
  ArenaAllocator& operator=(const ArenaAllocator&) = delete;

  void* allocate(size_t size_bytes, void* stream) override;
  void deallocate(void* pointer, size_t size_bytes, void* stream) noexcept override;

 private:
  struct Piece {
    size_t begin = 0;
    bool is_free = false;
  };
  struct Block {
    char* data = nullptr;
    size_t size_bytes = 0;
    size_t used_bytes = 0;
    std::vector<Piece> pieces;
  };

  Allocator& beneath_;
  void* stream_;
  std::vector<Block> blocks_;
};

}  // namespace lockstep
