#pragma once

#include <cstddef>
#include <cstdint>

#include <lockstep/backend.h>
#include <thrust/execution_policy.h>
#include <thrust/for_each.h>
#include <thrust/iterator/counting_iterator.h>

#include "cuda/common/device_memory.h"
#include "cuda/common/macros.h"

/// How a device algorithm runs on the backend that this compilation is for. Algorithms are written against these few
/// names and those of device_memory.h, so that the same text serves every backend.
namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

/// The context's allocator as Thrust wants one for its temporary memory.
class ThrustAllocator {
 public:
  using value_type = char;
  explicit ThrustAllocator(const Context& context) : allocator_(&allocator_of(context)), stream_(context.stream) {}
  char* allocate(std::ptrdiff_t n) { return static_cast<char*>(allocator_->allocate(static_cast<size_t>(n), stream_)); }
  void deallocate(char* pointer, size_t n) { allocator_->deallocate(pointer, n, stream_); }

 private:
  Allocator* allocator_;
  void* stream_;
};

/// Thrust's policy: in the order of the context's stream, not synchronising. `allocator` must outlive its use.
inline auto thrust_policy(const Context& context, ThrustAllocator& allocator) {
#ifdef __CUDACC__
  return thrust::cuda::par_nosync(allocator).on(static_cast<cudaStream_t>(context.stream));
#else
  return thrust::cpp::par(allocator);
#endif
}

/// Calls `function(i)` for i in [0, n), in any order.
template <class Function>
void for_each_index(const Context& context, int64_t n, Function function) {
  if (n <= 0) return;
  ThrustAllocator allocator(context);
  thrust::for_each_n(thrust_policy(context, allocator), thrust::counting_iterator<int64_t>(0), n, function);
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
