#include <lockstep/models/resnet.h>

#include <torch/torch.h>

namespace lockstep::models {

namespace {

torch::nn::Conv2d without_bias(int64_t n_in, int64_t n_out, int64_t size, int64_t stride) {
  return torch::nn::Conv2d(
      torch::nn::Conv2dOptions(n_in, n_out, size).stride(stride).padding(size / 2).bias(false));
}

}  // namespace

struct ResNetImpl::Block : torch::nn::Module {
  Block(int64_t n_in, int64_t n_out, int64_t stride)
      : conv1(register_module("conv1", without_bias(n_in, n_out, 3, stride))),
        norm1(register_module("norm1", torch::nn::BatchNorm2d(n_out))),
        conv2(register_module("conv2", without_bias(n_out, n_out, 3, 1))),
        norm2(register_module("norm2", torch::nn::BatchNorm2d(n_out))) {
    if (stride == 1 && n_in == n_out) return;
    shortcut = register_module(
        "shortcut", torch::nn::Sequential(without_bias(n_in, n_out, 1, stride), torch::nn::BatchNorm2d(n_out)));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const auto y = norm2(conv2(torch::relu(norm1(conv1(x)))));
    return torch::relu(y + (shortcut ? shortcut->forward(x) : x));
  }
  torch::nn::Conv2d conv1;
  torch::nn::BatchNorm2d norm1;
  torch::nn::Conv2d conv2;
  torch::nn::BatchNorm2d norm2;
  torch::nn::Sequential shortcut{nullptr};
};

ResNetImpl::ResNetImpl(const ResNetOptions& options)
    : first_(register_module("first", without_bias(options.n_channels, options.width, 3, 1))),
      norm_(register_module("norm", torch::nn::BatchNorm2d(options.width))) {
  int64_t n_in = options.width;
  for (size_t stage = 0; stage < options.blocks.size(); ++stage) {
    const int64_t n_out = options.width << stage;
    for (int64_t i = 0; i < options.blocks[stage]; ++i) {
      const int64_t stride = stage > 0 && i == 0 ? 2 : 1;
      blocks_.push_back(register_module("block" + std::to_string(blocks_.size() + 1),
                                        std::make_shared<Block>(n_in, n_out, stride)));
      n_in = n_out;
    }
  }
  last_ = register_module("last", torch::nn::Linear(n_in, options.n_outputs));
}

torch::Tensor ResNetImpl::forward(torch::Tensor x) {
  x = torch::relu(norm_(first_(x)));
  for (const auto& block : blocks_) x = block->forward(x);
  return last_(x.mean({2, 3}));
}

}  // namespace lockstep::models
