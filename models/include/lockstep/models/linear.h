#pragma once

#include <cstdint>

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

namespace lockstep::models {

struct LinearModelOptions {
  int64_t n_inputs = 1;
  int64_t n_outputs = 1;
  torch::Tensor l2;  ///< scalar: factor of the penalty; undefined: none
};

/// A linear model of flattened inputs, [n, ...] -> [n, n_outputs], with a penalty on the size of its weights. With
/// cross entropy it is (multinomial) logistic regression, with the mean squared error ridge regression.
class LinearModelImpl : public torch::nn::Module {
 public:
  explicit LinearModelImpl(const LinearModelOptions& options);
  torch::Tensor forward(const torch::Tensor& inputs);
  /// To be added to the loss: l2 times the sum of the squared weights, the bias left out. Undefined without l2.
  torch::Tensor penalty() const;

 private:
  torch::nn::Linear linear_{nullptr};
  torch::Tensor l2_;
};
TORCH_MODULE(LinearModel);

}  // namespace lockstep::models
