#include <lockstep/models/mlp.h>

#include <lockstep/torch/functional.h>
#include <torch/torch.h>

namespace lockstep::models {

MlpImpl::MlpImpl(const MlpOptions& options)
    : activation_(find_activation(options.activation)), dropout_(options.dropout) {
  int64_t width = options.n_inputs;
  const auto add = [&](int64_t n_outputs) {
    layers_.push_back(register_module("layer" + std::to_string(layers_.size()), torch::nn::Linear(width, n_outputs)));
    width = n_outputs;
  };
  for (const auto hidden : options.hidden) add(hidden);
  add(options.n_outputs);
}

torch::Tensor MlpImpl::forward(torch::Tensor x) {
  if (x.dim() > 2) x = x.flatten(1);
  for (size_t i = 0; i + 1 < layers_.size(); ++i) {
    x = activation_(layers_[i]->forward(x));
    if (dropout_.defined()) x = lockstep::dropout(x, dropout_, is_training());
  }
  return layers_.back()->forward(x);
}

}  // namespace lockstep::models
