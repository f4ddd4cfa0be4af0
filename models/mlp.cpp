#include "models/mlp.h"

#include <algorithm>

#include <lockstep/torch/functional.h>
#include <torch/torch.h>

namespace lockstep::models {

namespace {

struct Activation {
  const char* name;
  torch::Tensor (*apply)(const torch::Tensor&);
};

constexpr Activation kActivations[] = {
    {"relu", [](const torch::Tensor& x) { return torch::relu(x); }},
    {"tanh", [](const torch::Tensor& x) { return torch::tanh(x); }},
    {"gelu", [](const torch::Tensor& x) { return torch::gelu(x); }},
    {"sigmoid", [](const torch::Tensor& x) { return torch::sigmoid(x); }},
    {"silu", [](const torch::Tensor& x) { return torch::silu(x); }},
    {"leaky_relu", [](const torch::Tensor& x) { return torch::leaky_relu(x); }},
    {"elu", [](const torch::Tensor& x) { return torch::elu(x); }},
    {"selu", [](const torch::Tensor& x) { return torch::selu(x); }},
    {"softplus", [](const torch::Tensor& x) { return torch::softplus(x); }},
    {"mish", [](const torch::Tensor& x) { return torch::mish(x); }},
    {"hardtanh", [](const torch::Tensor& x) { return torch::hardtanh(x); }},
};

}  // namespace

const std::vector<std::string>& activation_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const auto& each : kActivations) out.emplace_back(each.name);
    return out;
  }();
  return names;
}

MlpImpl::MlpImpl(const MlpOptions& options) {
  const auto activation = std::find_if(std::begin(kActivations), std::end(kActivations),
                                       [&](const Activation& each) { return options.activation == each.name; });
  TORCH_CHECK(activation != std::end(kActivations), "there is no activation '", options.activation, "'");
  activation_ = activation->apply;
  dropout_ = options.dropout;
  int64_t width = options.n_inputs;
  const auto add = [&](int64_t n_outputs) {
    layers_.push_back(register_module("layer" + std::to_string(layers_.size()), torch::nn::Linear(width, n_outputs)));
    width = n_outputs;
  };
  for (const auto hidden : options.hidden) add(hidden);
  add(options.n_outputs);
}

torch::Tensor MlpImpl::forward(torch::Tensor x) {
  for (size_t i = 0; i + 1 < layers_.size(); ++i) {
    x = activation_(layers_[i]->forward(x));
    if (dropout_.defined()) x = lockstep::dropout(x, dropout_, is_training());
  }
  return layers_.back()->forward(x);
}

}  // namespace lockstep::models
