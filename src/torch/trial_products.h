#pragma once

#include <torch/types.h>

namespace lockstep {

/// Matrix products of a batch of trials, on physical tensors: an operand is [T, rows, columns], or [rows, columns] and shared by
/// all trials; at least one is per trial. The result is [T, rows, columns], contiguous. Where LibTorch has oneDNN's micro-kernels
/// for this processor and the operands are float on the CPU, each trial's product is one of those, so that its bits do not depend
/// on the other trials (and on some processors comes at twice the rate of MKL's batched product); else `at::bmm` is called.

/// a b^T, plus `bias` [T, rows of b] to every row where it is defined: what a linear layer computes.
torch::Tensor times_transposed(const torch::Tensor& a, const torch::Tensor& b, const torch::Tensor& bias = {});
/// a b.
torch::Tensor times(const torch::Tensor& a, const torch::Tensor& b);
/// a^T b.
torch::Tensor transposed_times(const torch::Tensor& a, const torch::Tensor& b);

}  // namespace lockstep
