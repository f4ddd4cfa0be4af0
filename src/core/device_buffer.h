#pragma once

#include <cstddef>
#include <utility>

#include <lockstep/backend.h>

namespace lockstep {

/// An array of `T` in the context's device memory, given back in the context's stream order. Not copied. The context's
/// allocator is used, or the backend's plain one when it has none; context and backend must outlive the buffer.
template <class T>
class DeviceBuffer {
 public:
  DeviceBuffer(const Backend& backend, const Context& context, size_t size)
      : backend_(&backend), context_(&context), size_(size) {
    if (size > 0) data_ = static_cast<T*>(allocator().allocate(size_bytes(), context.stream));
  }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  ~DeviceBuffer() {
    if (data_) allocator().deallocate(data_, size_bytes(), context_->stream);
  }

  /// Of the same backend and context.
  void swap(DeviceBuffer& other) noexcept {
    std::swap(size_, other.size_);
    std::swap(data_, other.data_);
  }

  T* data() const { return data_; }
  size_t size() const { return size_; }

  /// Copies `n` elements of `host`, which may change or end after the call: it synchronises the stream.
  void upload(const T* host, size_t n) {
    if (n == 0) return;
    backend_->copy_to_device(*context_, data_, host, static_cast<int64_t>(n * sizeof(T)));
    backend_->synchronize(*context_);
  }
  /// Copies the first `n` elements to `host`; synchronises the stream.
  void download(T* host, size_t n) const {
    if (n > 0) backend_->copy_to_host(*context_, host, data_, static_cast<int64_t>(n * sizeof(T)));
  }

 private:
  Allocator& allocator() const { return context_->allocator ? *context_->allocator : backend_->allocator(); }
  size_t size_bytes() const { return size_ * sizeof(T); }

  const Backend* backend_;
  const Context* context_;
  size_t size_;
  T* data_ = nullptr;
};

}  // namespace lockstep
