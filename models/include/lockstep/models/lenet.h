#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <lockstep/models/activation.h>

namespace lockstep::models {

struct LeNetOptions {
  int64_t n_channels = 1;  ///< of the images
  int64_t height = 28;
  int64_t width = 28;
  int64_t n_outputs = 10;
  std::vector<int64_t> channels = {6, 16};   ///< of the two convolutions
  std::vector<int64_t> hidden = {120, 84};   ///< width of each linear layer before the last
  std::string activation = "relu";
  torch::Tensor dropout;  ///< scalar: probability behind each hidden linear layer; undefined: no dropout
};

/// LeNet-5 (Y. LeCun et al., 1998) as it is written today: two 5x5 convolutions, the first padded, each with an activation
/// and a max pooling of 2, then linear layers. [n, n_channels, height, width] -> [n, n_outputs]. Throws c10::Error for
/// images smaller than 12x12, another number of convolutions, and an activation that is not known.
class LeNetImpl : public torch::nn::Module {
 public:
  static constexpr int64_t kSmallestSide = 12;

  explicit LeNetImpl(const LeNetOptions& options);
  torch::Tensor forward(torch::Tensor images);

 private:
  torch::nn::Conv2d conv1_{nullptr}, conv2_{nullptr};
  std::vector<torch::nn::Linear> linears_;
  Activation activation_;
  torch::Tensor dropout_;
};
TORCH_MODULE(LeNet);

}  // namespace lockstep::models
