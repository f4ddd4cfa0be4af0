#pragma once

#include <cstddef>
#include <cstdint>

#include <lockstep/backend.h>

#include "cuda/common/macros.h"

#ifdef __CUDACC__
#include "cuda/common/check.h"
#else
#include <cstring>
#endif

/// Memory of the backend that this compilation is for.
namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

/// The backend's own allocator, for a context that brings none.
Allocator& plain_allocator();

inline Allocator& allocator_of(const Context& context) {
  return context.allocator ? *context.allocator : plain_allocator();
}

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

/// Synchronises the stream.
inline void copy_to_host(const Context& context, void* host, const void* device, int64_t size_bytes) {
  const auto stream = static_cast<cudaStream_t>(context.stream);
  LOCKSTEP_CUDA_CHECK(cudaMemcpyAsync(host, device, static_cast<size_t>(size_bytes), cudaMemcpyDeviceToHost, stream));
  LOCKSTEP_CUDA_CHECK(cudaStreamSynchronize(stream));
}

/// In stream order. Pageable host memory, which CUDA stages, may change or end after the call.
inline void copy_to_device(const Context& context, void* device, const void* host, int64_t size_bytes) {
  LOCKSTEP_CUDA_CHECK(cudaMemcpyAsync(device, host, static_cast<size_t>(size_bytes), cudaMemcpyHostToDevice,
                                      static_cast<cudaStream_t>(context.stream)));
}

inline void fill_zero(const Context& context, void* device, int64_t size_bytes) {
  LOCKSTEP_CUDA_CHECK(
      cudaMemsetAsync(device, 0, static_cast<size_t>(size_bytes), static_cast<cudaStream_t>(context.stream)));
}

#else

inline void copy_to_host(const Context&, void* host, const void* device, int64_t size_bytes) {
  if (size_bytes > 0) std::memcpy(host, device, static_cast<size_t>(size_bytes));
}

inline void copy_to_device(const Context&, void* device, const void* host, int64_t size_bytes) {
  if (size_bytes > 0) std::memcpy(device, host, static_cast<size_t>(size_bytes));
}

inline void fill_zero(const Context&, void* device, int64_t size_bytes) {
  if (size_bytes > 0) std::memset(device, 0, static_cast<size_t>(size_bytes));
}

#endif

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
