#pragma once

#include <optional>
#include <tuple>

#include <torch/types.h>

namespace lockstep {

/// max_pool2d_with_indices by our own kernel; nullopt where that is for LibTorch's: elsewhere than on a CPU, in another
/// type or memory format, dilated, with windows far apart, and where it is to say what is wrong.
std::optional<std::tuple<torch::Tensor, torch::Tensor>> own_max_pool(const torch::Tensor& input,
                                                                     at::IntArrayRef kernel_size,
                                                                     at::IntArrayRef stride, at::IntArrayRef padding,
                                                                     at::IntArrayRef dilation, bool ceil_mode);

}  // namespace lockstep
