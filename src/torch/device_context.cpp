#include "torch/device_context.h"

#include <c10/core/Allocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <lockstep/error.h>

namespace lockstep {
namespace {

/// LibTorch's allocator of a kind of device; its blocks are ordered by the current stream.
class TorchAllocator : public Allocator {
 public:
  explicit TorchAllocator(c10::DeviceType type) : type_(type) {}
  void* allocate(size_t size_bytes, void*) override { return c10::GetAllocator(type_)->raw_allocate(size_bytes); }
  void deallocate(void* pointer, size_t, void*) noexcept override { c10::GetAllocator(type_)->raw_deallocate(pointer); }

 private:
  c10::DeviceType type_;
};

}  // namespace

Context device_context(torch::Device device, uint64_t seed) {
  Context context;
  context.seed = seed;
  if (device.is_cuda()) {
    static TorchAllocator cuda_allocator(c10::DeviceType::CUDA);
    context.device = {DeviceKind::kCuda, device.index() < 0 ? 0 : device.index()};
    context.stream = c10::impl::VirtualGuardImpl(device.type()).getStream(device).native_handle();
    context.allocator = &cuda_allocator;
  } else {
    context.allocator = &host_backend().allocator();
  }
  return context;
}

namespace {

const Backend* the_meta_backend = nullptr;

}  // namespace

void set_meta_backend(const Backend* backend) { the_meta_backend = backend; }

const Backend& backend_of(torch::Device device) {
  if (device.is_meta()) {
    if (the_meta_backend == nullptr) throw DeviceError("trials on LibTorch's meta device have no values to train");
    return *the_meta_backend;
  }
  return backend_for(device.is_cuda() ? DeviceKind::kCuda : DeviceKind::kCpu);
}

}  // namespace lockstep
