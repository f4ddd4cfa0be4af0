#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <lockstep/models/activation.h>

namespace lockstep::models {

struct MlpOptions {
  int64_t n_inputs = 1;
  std::vector<int64_t> hidden;  ///< width of each hidden layer; none makes a linear model
  int64_t n_outputs = 1;
  std::string activation = "relu";  ///< between layers
  torch::Tensor dropout;            ///< scalar: probability behind each activation; undefined: no dropout
};

/// A multi-layer perceptron: [n, n_inputs] (or [n, ...], flattened) -> [n, n_outputs], no activation after the last layer. An
/// ordinary LibTorch module, written for one trial. Throws c10::Error for an activation that is not known.
class MlpImpl : public torch::nn::Module {
 public:
  explicit MlpImpl(const MlpOptions& options);
  torch::Tensor forward(torch::Tensor inputs);

 private:
  std::vector<torch::nn::Linear> layers_;
  Activation activation_;
  torch::Tensor dropout_;
};
TORCH_MODULE(Mlp);

}  // namespace lockstep::models
