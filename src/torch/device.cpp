#include <lockstep/torch/device.h>

#include <dlfcn.h>

#include <ATen/Context.h>
#include <ATen/Version.h>
#include <lockstep/backend.h>
#include <lockstep/error.h>
#include <torch/version.h>

namespace lockstep {

torch::Device torch_device(const Device& device) {
  if (device.kind == DeviceKind::kCpu) return torch::kCPU;
  const int n_devices = cuda_backend().device_count();
  if (device.index >= n_devices) {
    throw DeviceError("device " + device.to_string() + " is not there: CUDA reports " + std::to_string(n_devices) +
                      (n_devices == 1 ? " device, cuda:0" : " devices"));
  }
  // Its static initialisers register the CUDA kernels; it stays loaded.
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    const char* reason = dlerror();
    throw DeviceError(std::string("LibTorch's CUDA part cannot be loaded (") + (reason ? reason : "no reason given") +
                      "); install the full torch wheel, or use --device cpu");
  }
  if (!at::hasCUDA()) throw DeviceError("LibTorch finds no CUDA device; check the driver, or use --device cpu");
  return torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(device.index));
}

std::string libtorch_version() { return TORCH_VERSION; }

std::string processor_features() { return at::get_cpu_capability(); }

std::string libtorch_path() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&at::globalContext), &info) == 0 || info.dli_fname == nullptr) return "";
  return info.dli_fname;
}

}  // namespace lockstep
