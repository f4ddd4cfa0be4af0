#pragma once

#include <torch/types.h>

namespace lockstep {

/// Functions of LibTorch that take as C++ numbers what may vary inside a batch; here it is a tensor: a scalar for the
/// trial (`TrialConfig::tensor`). All work inside a TrialScope and outside of one, on any device, and are
/// differentiable.

/// torch::nn::functional::cross_entropy with that label smoothing, in [0, 1]: the mean over the examples whose target
/// is not -100.
/// @param output [batch, n_classes, ...] or [n_classes], not normalised
/// @param targets [batch, ...] or []: int64 class indices
/// @throws c10::Error when targets are probabilities
torch::Tensor cross_entropy(const torch::Tensor& output, const torch::Tensor& targets,
                            const torch::Tensor& label_smoothing);

/// torch::nn::functional::dropout with probability `p` in [0, 1]; inside a TrialScope drawn from the trial's own
/// stream.
torch::Tensor dropout(const torch::Tensor& input, const torch::Tensor& p, bool training);

}  // namespace lockstep
