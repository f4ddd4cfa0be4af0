#pragma once

// A layer of torch::nn as the sweep over all of them sees it: how to build it, and what one trial puts in.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <torch/torch.h>

namespace lockstep::testing {

/// A layer that was built, and how to call it with its inputs.
struct Layer {
  std::shared_ptr<torch::nn::Module> module;  ///< null: it has no parameters
  std::function<std::vector<torch::Tensor>(const std::vector<torch::Tensor>&)> forward;
};

/// One input of a trial: made from `make(generator)`, with a generator of the trial's own, or `shared` by all trials.
struct LayerInput {
  std::function<torch::Tensor(at::Generator)> make;
  torch::Tensor shared;
};

struct LayerCase {
  std::string name;
  std::function<Layer()> build;
  std::vector<LayerInput> inputs;
  bool random = false;  ///< a plain module draws from LibTorch's global generator: nothing alone to compare with
};

inline LayerInput normal(std::vector<int64_t> shape) {
  return {[shape](at::Generator g) { return torch::randn(shape, g); }, {}};
}
inline LayerInput uniform(std::vector<int64_t> shape, double from = 0.05, double to = 0.95) {
  return {[=](at::Generator g) { return torch::rand(shape, g) * (to - from) + from; }, {}};
}
inline LayerInput labels(std::vector<int64_t> shape, int64_t n) {
  return {[=](at::Generator g) { return torch::randint(n, shape, g, torch::kLong); }, {}};
}
/// -1 or 1.
inline LayerInput signs(std::vector<int64_t> shape) {
  return {[=](at::Generator g) { return torch::randint(2, shape, g) * 2 - 1; }, {}};
}
inline LayerInput same(torch::Tensor tensor) { return {{}, tensor}; }

inline void append(std::vector<torch::Tensor>& out, const torch::Tensor& one) {
  if (one.defined()) out.push_back(one);
}
template <class... Parts>
void append(std::vector<torch::Tensor>& out, const std::tuple<Parts...>& parts) {
  std::apply([&](const auto&... part) { (append(out, part), ...); }, parts);
}
template <class Result>
std::vector<torch::Tensor> as_list(const Result& result) {
  std::vector<torch::Tensor> out;
  append(out, result);
  return out;
}

template <class Module>
std::vector<torch::Tensor> call(Module& m, const std::vector<torch::Tensor>& x) {
  if constexpr (requires { m->forward(x[0], x[1], x[2]); }) {
    if (x.size() == 3) return as_list(m->forward(x[0], x[1], x[2]));
  }
  if constexpr (requires { m->forward(x[0], x[1]); }) {
    if (x.size() == 2) return as_list(m->forward(x[0], x[1]));
  }
  if constexpr (requires { m->forward(x[0]); }) {
    if (x.size() == 1) return as_list(m->forward(x[0]));
  }
  throw std::logic_error("the layer does not take this many inputs");
}

/// A case of the module that `make` returns.
template <class Make>
LayerCase layer(std::string name, Make make, std::vector<LayerInput> inputs) {
  const auto build = [make] {
    auto module = make();
    return Layer{module.ptr(), [module](const std::vector<torch::Tensor>& x) mutable { return call(module, x); }};
  };
  return {std::move(name), build, std::move(inputs), false};
}

/// A case of a function without parameters.
template <class Function>
LayerCase function(std::string name, Function f, std::vector<LayerInput> inputs) {
  const auto build = [f] { return Layer{nullptr, [f](const std::vector<torch::Tensor>& x) { return as_list(f(x)); }}; };
  return {std::move(name), build, std::move(inputs), false};
}

inline LayerCase random(LayerCase one) {
  one.random = true;
  return one;
}

std::vector<LayerCase> linear_and_convolution_cases();
std::vector<LayerCase> activation_cases();
std::vector<LayerCase> pooling_and_padding_cases();
std::vector<LayerCase> normalisation_cases();
std::vector<LayerCase> recurrent_and_attention_cases();
std::vector<LayerCase> loss_cases();
std::vector<LayerCase> wide_cases();
/// All of them, in the order of docs/layers.md.
std::vector<LayerCase> layer_cases();

}  // namespace lockstep::testing
