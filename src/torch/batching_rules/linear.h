#pragma once

#include <torch/types.h>

namespace lockstep {

/// x weight^T + bias of each trial, on physical tensors and with a way back: x [T, rows, in] or [rows, in] and shared,
/// weight [T, out, in] or [out, in] and shared, not both shared, bias [T, out] or undefined -> [T, rows, out],
/// or of `sizes`, which have more dimensions for the rows.
torch::Tensor linear_of_trials(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                               at::IntArrayRef sizes = {});

}  // namespace lockstep
