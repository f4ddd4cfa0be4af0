#pragma once

#include <string>

#include <lockstep/device.h>
#include <torch/types.h>

namespace lockstep {

/// LibTorch's device for `device`. For CUDA this loads libtorch_cuda, which nothing links, and throws DeviceError that says what is
/// missing: our CUDA backend, LibTorch's CUDA libraries, or the device.
torch::Device torch_device(const Device& device);

/// The version of the LibTorch in use, and the file it was loaded from.
std::string libtorch_version();
std::string libtorch_path();

/// The instructions that LibTorch's kernels use on this processor ("AVX512"): others may give other last bits.
std::string processor_features();

}  // namespace lockstep
