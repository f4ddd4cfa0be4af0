#include "torch/heap.h"

#include <cstdlib>

#include <c10/core/Allocator.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif
#ifdef __linux__
#include <sys/mman.h>
#endif

namespace lockstep {

void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the largest that glibc takes
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
  mallopt(M_TOP_PAD, 16 << 20);
#endif
}

#ifdef __linux__
namespace {

/// To whoever counts what LibTorch's allocators hold. The totals are the whole process's, which nobody here knows.
void report_memory(void* place, int64_t size_bytes) {
  c10::reportMemoryUsageToProfiler(place, size_bytes, 0, 0, c10::Device(c10::DeviceType::CPU));
}

}  // namespace
#endif

torch::Tensor lasting_zeros(at::IntArrayRef sizes, const torch::TensorOptions& options) {
#ifdef __linux__
  constexpr size_t kLarge = 64 << 10;  // then the rest of the last page does not count
  const size_t size_bytes = static_cast<size_t>(c10::multiply_integers(sizes)) * options.dtype().itemsize();
  if (options.device().is_cpu() && size_bytes >= kLarge) {
    void* const place = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place != MAP_FAILED) {  // the kernel has a limit of mappings, too
      report_memory(place, static_cast<int64_t>(size_bytes));
      const auto give_back = [size_bytes](void* mapping) {
        munmap(mapping, size_bytes);
        report_memory(mapping, -static_cast<int64_t>(size_bytes));
      };
      return torch::from_blob(place, sizes, give_back, options);
    }
  }
#endif
  return torch::zeros(sizes, options);
}

}  // namespace lockstep
