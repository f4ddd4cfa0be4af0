#pragma once

#include <cstddef>
#include <cstdint>

#include <lockstep/backend.h>

namespace lockstep {

/// The host's memory, counted.
class CountingAllocator final : public Allocator {
 public:
  void* allocate(size_t size_bytes, void* stream) override {
    ++n_allocations;
    n_bytes += size_bytes;
    return host_backend().allocator().allocate(size_bytes, stream);
  }
  void deallocate(void* pointer, size_t size_bytes, void* stream) noexcept override {
    n_bytes -= size_bytes;
    host_backend().allocator().deallocate(pointer, size_bytes, stream);
  }

  int64_t n_allocations = 0;
  size_t n_bytes = 0;  ///< in use
};

}  // namespace lockstep
