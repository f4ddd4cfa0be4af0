#pragma once

#include <torch/types.h>

namespace lockstep {

/// Matrix products of a batch of trials, on physical tensors: an operand is [T, rows, columns], or [rows, columns] and shared by
/// all trials; at least one is per trial. The result is [T, rows, columns], contiguous. Where LibTorch has oneDNN's micro-kernels
/// for this processor and the operands are float on the CPU, each trial's product is one of those, so that its bits do not depend
/// on the other trials (and on some processors comes at twice the rate of MKL's batched product); else `at::bmm` is called.

/// `x` [T, ...], or undefined, with each trial's part contiguous. Trials may lie apart, as parameters do in their matrix, or
/// share one part; that needs no copy.
torch::Tensor with_contiguous_trials(const torch::Tensor& x);

/// a b^T, plus `bias` [T, rows of b] to every row where it is defined: what a linear layer computes.
torch::Tensor times_transposed(const torch::Tensor& a, const torch::Tensor& b, const torch::Tensor& bias = {});
/// a b.
torch::Tensor times(const torch::Tensor& a, const torch::Tensor& b);
/// a^T b.
torch::Tensor transposed_times(const torch::Tensor& a, const torch::Tensor& b);

/// The gradients of a linear layer of each trial: y = x weight^T + bias, or relu(y).
struct LinearGradients {
  torch::Tensor input;   ///< [T, rows, in]
  torch::Tensor weight;  ///< [T, out, in]
  torch::Tensor bias;    ///< [T, out]
};
/// Those that are wanted, from the gradient of the result, [T, rows, out]. In one go over the trials, so that what belongs to a
/// trial is still in the cache when it is needed again.
/// @param rectified what relu gave, where the layer ends in one; else undefined
LinearGradients linear_backward(const torch::Tensor& gradient, const torch::Tensor& x, const torch::Tensor& weight,
                                const torch::Tensor& rectified, bool want_input, bool want_weight, bool want_bias);

}  // namespace lockstep
