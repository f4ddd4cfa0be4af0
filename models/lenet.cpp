#include <lockstep/models/lenet.h>

#include <lockstep/torch/functional.h>
#include <torch/torch.h>

namespace lockstep::models {

LeNetImpl::LeNetImpl(const LeNetOptions& options)
    : activation_(find_activation(options.activation)), dropout_(options.dropout) {
  TORCH_CHECK(options.channels.size() == 2, "a LeNet has two convolutions, but channels are given for ",
              options.channels.size());
  TORCH_CHECK(std::min(options.height, options.width) >= kSmallestSide, "images of ", options.height, "x", options.width,
              " are too small for a LeNet");
  const auto conv = [](int64_t n_in, int64_t n_out, int64_t padding) {
    return torch::nn::Conv2d(torch::nn::Conv2dOptions(n_in, n_out, 5).padding(padding));
  };
  conv1_ = register_module("conv1", conv(options.n_channels, options.channels[0], 2));
  conv2_ = register_module("conv2", conv(options.channels[0], options.channels[1], 0));
  int64_t n_inputs = options.channels[1] * ((options.height / 2 - 4) / 2) * ((options.width / 2 - 4) / 2);
  auto widths = options.hidden;
  widths.push_back(options.n_outputs);
  for (const auto width : widths) {
    linears_.push_back(
        register_module("linear" + std::to_string(linears_.size() + 1), torch::nn::Linear(n_inputs, width)));
    n_inputs = width;
  }
}

torch::Tensor LeNetImpl::forward(torch::Tensor x) {
  x = torch::max_pool2d(activation_(conv1_->forward(x)), 2);
  x = torch::max_pool2d(activation_(conv2_->forward(x)), 2).flatten(1);
  for (size_t i = 0; i + 1 < linears_.size(); ++i) {
    x = activation_(linears_[i]->forward(x));
    if (dropout_.defined()) x = lockstep::dropout(x, dropout_, is_training());
  }
  return linears_.back()->forward(x);
}

}  // namespace lockstep::models
