#pragma once

#include <cstdint>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

namespace lockstep::models {

struct ResNetOptions {
  int64_t n_channels = 3;  ///< of the images
  int64_t n_outputs = 10;
  /// Of each stage: {3, 3, 3} is the ResNet-20 of the paper.
  std::vector<int64_t> blocks = {1, 1, 1};
  int64_t width = 16;  ///< channels of the first stage; each other has twice those of the one before, on half the side
};

/// A residual network for small images (K. He et al., 2015, section 4.2): a 3x3 convolution, stages of basic blocks with
/// batch norm, the mean over the image, a linear layer. A shortcut between different shapes is a 1x1 convolution.
/// [n, n_channels, height, width] -> [n, n_outputs].
class ResNetImpl : public torch::nn::Module {
 public:
  explicit ResNetImpl(const ResNetOptions& options);
  torch::Tensor forward(torch::Tensor images);

 private:
  struct Block;

  torch::nn::Conv2d first_{nullptr};
  torch::nn::BatchNorm2d norm_{nullptr};
  std::vector<std::shared_ptr<Block>> blocks_;
  torch::nn::Linear last_{nullptr};
};
TORCH_MODULE(ResNet);

}  // namespace lockstep::models
