// Finds the CUDA backend at run time, so that one program serves machines with and without CUDA.
#include "cuda/loader.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <lockstep/error.h>

namespace lockstep {
namespace {

constexpr char kLibrary[] = "liblockstep_cuda.so";

/// Where the plugin may be, best first. A plain name lets the dynamic linker look, above all in the run path that lockstep::cuda
/// adds to programs which link an installed Lockstep.
std::vector<std::string> candidates() {
  if (const char* named = std::getenv("LOCKSTEP_CUDA_LIBRARY"); named && *named) return {named};
  std::vector<std::string> paths;
  std::error_code failed;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (!failed) {
    const auto beside = (program.parent_path() / ".." / "lib" / kLibrary).lexically_normal();
    if (std::filesystem::exists(beside, failed)) paths.push_back(beside.string());
  }
  paths.push_back(kLibrary);
  return paths;
}

const Backend& load() {
  std::string failures;
  for (const std::string& path : candidates()) {
    // Local, so that none of the plugin's symbols meet ours; never unloaded, as its table is handed out.
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      failures += (failures.empty() ? "" : "; ") + std::string(dlerror());
      continue;
    }
    const auto entry = reinterpret_cast<CudaBackendEntry>(dlsym(library, kCudaBackendEntry));
    if (!entry) throw DeviceError("No CUDA backend: " + path + " is not Lockstep's plugin.");
    const char* problem = "";
    if (const Backend* backend = entry(sizeof(Backend), &problem)) return *backend;
    throw DeviceError("No CUDA backend: " + path + ": " + problem + ". Check the NVIDIA driver with nvidia-smi, or choose "
                      "`--device cpu`.");
  }
  throw DeviceError("No CUDA backend: " + failures + ". Build Lockstep with nvcc and install the CUDA runtime, or set "
                    "LOCKSTEP_CUDA_LIBRARY to a liblockstep_cuda.so; `--device cpu` needs neither.");
}

}  // namespace

const Backend& cuda_backend() {
  static const Backend& backend = load();
  return backend;
}

const Backend& backend_for(DeviceKind kind) { return kind == DeviceKind::kCuda ? cuda_backend() : host_backend(); }

}  // namespace lockstep
