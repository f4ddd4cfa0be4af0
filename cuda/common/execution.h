#pragma once

#include <cstddef>
#include <cstdint>

#include <lockstep/backend.h>
#include <thrust/execution_policy.h>
#include <thrust/for_each.h>
#include <thrust/iterator/counting_iterator.h>

#include "cuda/common/macros.h"

#ifdef __CUDACC__
#include "cuda/common/check.h"
#else
#include <cstring>
#endif

/// How a device algorithm runs on the backend that this compilation is for. Algorithms are written against these few
/// names, so that the same text serves every backend; what differs between backends stands in this file alone.
namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

/// The backend's own allocator, for a context that brings none.
Allocator& plain_allocator();

inline Allocator& allocator_of(const Context& context) {
  return context.allocator ? *context.allocator : plain_allocator();
}

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

/// `n` elements of uninitialised device memory, given back in stream order.
template <class T>
class DeviceBuffer {
 public:
  DeviceBuffer(const Context& context, int64_t n)
      : allocator_(allocator_of(context)), stream_(context.stream), size_bytes_(static_cast<size_t>(n) * sizeof(T)) {
    if (n > 0) data_ = static_cast<T*>(allocator_.allocate(size_bytes_, stream_));
  }
  ~DeviceBuffer() {
    if (data_) allocator_.deallocate(data_, size_bytes_, stream_);
  }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  T* data() const { return data_; }

 private:
  Allocator& allocator_;
  void* stream_;
  size_t size_bytes_;
  T* data_ = nullptr;
};

#ifdef __CUDACC__

/// Thrust's policy: in the order of the context's stream, not synchronising.
inline auto thrust_policy(const Context& context, ThrustAllocator& allocator) {
  return thrust::cuda::par_nosync(allocator).on(static_cast<cudaStream_t>(context.stream));
}

inline void copy_to_host(const Context& context, void* host, const void* device, int64_t size_bytes) {
  const auto stream = static_cast<cudaStream_t>(context.stream);
  LOCKSTEP_CUDA_CHECK(cudaMemcpyAsync(host, device, static_cast<size_t>(size_bytes), cudaMemcpyDeviceToHost, stream));
  LOCKSTEP_CUDA_CHECK(cudaStreamSynchronize(stream));
}

inline void fill_zero(const Context& context, void* device, int64_t size_bytes) {
  LOCKSTEP_CUDA_CHECK(
      cudaMemsetAsync(device, 0, static_cast<size_t>(size_bytes), static_cast<cudaStream_t>(context.stream)));
}

#else

inline auto thrust_policy(const Context&, ThrustAllocator& allocator) { return thrust::cpp::par(allocator); }

inline void copy_to_host(const Context&, void* host, const void* device, int64_t size_bytes) {
  std::memcpy(host, device, static_cast<size_t>(size_bytes));
}

inline void fill_zero(const Context&, void* device, int64_t size_bytes) {
  std::memset(device, 0, static_cast<size_t>(size_bytes));
}

#endif

/// Calls `function(i)` for i in [0, n), in any order.
template <class Function>
void for_each_index(const Context& context, int64_t n, Function function) {
  if (n <= 0) return;
  ThrustAllocator allocator(context);
  thrust::for_each_n(thrust_policy(context, allocator), thrust::counting_iterator<int64_t>(0), n, function);
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
