// The CUDA backend: the device algorithms as nvcc compiles them, behind the plugin's one exported function.
#include <cuda_runtime.h>

#include <string>

#include "cuda/common/backend_table.h"
#include "cuda/common/check.h"
#include "cuda/common/device_memory.h"
#include "cuda/loader.h"

namespace lockstep::on_cuda {
namespace {

class CudaAllocator final : public Allocator {
 public:
  void* allocate(size_t size_bytes, void* stream) override {
    void* pointer = nullptr;
    const cudaError_t status =
        cudaMallocAsync(&pointer, size_bytes == 0 ? 1 : size_bytes, static_cast<cudaStream_t>(stream));
    if (status == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();
      throw DeviceError("Out of device memory: no " + std::to_string(size_bytes) +
                        " bytes left; train fewer trials at once (max_concurrent_trials).");
    }
    LOCKSTEP_CUDA_CHECK(status);
    return pointer;
  }
  void deallocate(void* pointer, size_t, void* stream) noexcept override {
    (void)cudaFreeAsync(pointer, static_cast<cudaStream_t>(stream));
  }
};

/// Devices that can be used; 0 with the reason in `*problem` when there is none.
int count_devices(const char** problem) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) {
    (void)cudaGetLastError();
    *problem = cudaGetErrorString(status);
    return 0;
  }
  if (count == 0) *problem = "there is no CUDA device";
  return count;
}

int device_count() {
  const char* problem;
  return count_devices(&problem);
}

int64_t free_memory_bytes(const Context& context) {
  const DeviceGuard guard(context);
  size_t free_bytes = 0, total_bytes = 0;
  LOCKSTEP_CUDA_CHECK(cudaMemGetInfo(&free_bytes, &total_bytes));
  return static_cast<int64_t>(free_bytes);
}

void synchronize(const Context& context) {
  LOCKSTEP_CUDA_CHECK(cudaStreamSynchronize(static_cast<cudaStream_t>(context.stream)));
}

void copy_to_host_entry(const Context& context, void* host, const void* device, int64_t size_bytes) {
  copy_to_host(context, host, device, size_bytes);
}

}  // namespace

Allocator& plain_allocator() {
  static CudaAllocator allocator;
  return allocator;
}

DeviceGuard::DeviceGuard(const Context& context) {
  if (context.device.kind != DeviceKind::kCuda) {
    throw DeviceError("The CUDA backend was given host memory; use backend_for(device.kind).");
  }
  LOCKSTEP_CUDA_CHECK(cudaGetDevice(&previous_));
  if (previous_ != context.device.index) LOCKSTEP_CUDA_CHECK(cudaSetDevice(context.device.index));
}

DeviceGuard::~DeviceGuard() { (void)cudaSetDevice(previous_); }

}  // namespace lockstep::on_cuda

extern "C" __attribute__((visibility("default"))) const lockstep::Backend* lockstep_cuda_backend(
    size_t table_size_bytes, const char** problem) {
  using namespace lockstep::on_cuda;
  if (table_size_bytes != sizeof(lockstep::Backend)) {
    *problem = "it belongs to another version of Lockstep and must be built together with the program";
    return nullptr;
  }
  if (count_devices(problem) == 0) return nullptr;
  static const lockstep::Backend backend = make_backend(
      {"cuda", lockstep::DeviceKind::kCuda, &device_count, &free_memory_bytes, &plain_allocator,
       &Entry<&copy_to_device>::call, &Entry<&copy_to_host_entry>::call, &Entry<&synchronize>::call});
  return &backend;
}
