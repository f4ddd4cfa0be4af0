#include "torch/heap.h"

#include <cstdlib>
#include <new>

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

torch::Tensor lasting_zeros(at::IntArrayRef sizes, const torch::TensorOptions& options) {
#ifdef __linux__
  constexpr size_t kLarge = 64 << 10;  // then the rest of the last page does not count
  const size_t size_bytes = static_cast<size_t>(c10::multiply_integers(sizes)) * options.dtype().itemsize();
  if (options.device().is_cpu() && size_bytes >= kLarge) {
    void* const place = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED) throw std::bad_alloc();
    return torch::from_blob(place, sizes, [size_bytes](void* mapping) { munmap(mapping, size_bytes); }, options);
  }
#endif
  return torch::zeros(sizes, options);
}

}  // namespace lockstep
