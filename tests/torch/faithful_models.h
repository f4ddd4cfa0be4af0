#pragma once

// Small models of the usual kinds, each an ordinary torch::nn::Module, with data that they can learn something from.

#include <functional>
#include <memory>
#include <string>

#include <lockstep/torch/sweep.h>

#include "torch/small_task.h"

namespace lockstep::testing {

namespace nn = torch::nn;

/// A module and how it is called.
struct BuiltModel {
  std::shared_ptr<nn::Module> module;
  std::function<torch::Tensor(torch::Tensor)> forward;
};

template <class Module, class... Arguments>
BuiltModel built(const Arguments&... arguments) {
  auto module = std::make_shared<Module>(arguments...);
  return {module, [module](torch::Tensor x) { return module->forward(x); }};
}

struct Mlp : nn::Module {
  Mlp() : first(register_module("first", nn::Linear(40, 21))), second(register_module("second", nn::Linear(21, 3))) {}
  torch::Tensor forward(torch::Tensor x) { return second(torch::gelu(first(x.flatten(1)))); }
  nn::Linear first, second;
};

/// A convolutional net with batch norm and dropout, of which a reference may use another one.
template <class Dropout>
struct Cnn : nn::Module {
  explicit Cnn(Dropout a_dropout)
      : first(register_module("first", nn::Conv2d(nn::Conv2dOptions(1, 5, 3).padding(1).bias(false)))),
        norm(register_module("norm", nn::BatchNorm2d(5))),
        second(register_module("second", nn::Conv2d(nn::Conv2dOptions(5, 4, 3).padding(1)))),
        last(register_module("last", nn::Linear(4 * 4 * 2, 3))),
        dropout(register_module("dropout", a_dropout)) {}
  torch::Tensor forward(torch::Tensor x) {
    x = torch::relu(norm(first(x.unsqueeze(1))));
    x = torch::max_pool2d(torch::silu(second(dropout(x))), 2);
    return last(dropout(x.flatten(1)));
  }
  nn::Conv2d first;
  nn::BatchNorm2d norm;
  nn::Conv2d second;
  nn::Linear last;
  Dropout dropout;
};

/// The last output of a recurrent layer over [batch, 8, 5], classified.
template <class Layer, class LayerOptions>
struct Recurrent : nn::Module {
  Recurrent()
      : layer(register_module("layer", Layer(LayerOptions(5, 7).batch_first(true)))),
        last(register_module("last", nn::Linear(7, 3))) {}
  torch::Tensor forward(torch::Tensor x) { return last(std::get<0>(layer(x)).select(1, -1)); }
  Layer layer;
  nn::Linear last;
};

struct SmallTransformer : nn::Module {
  explicit SmallTransformer(double dropout)
      : embed(register_module("embed", nn::Linear(5, 6))),
        encoder(register_module(
            "encoder", nn::TransformerEncoder(nn::TransformerEncoderOptions(
                           nn::TransformerEncoderLayerOptions(6, 2).dim_feedforward(11).dropout(dropout), 1)))),
        last(register_module("last", nn::Linear(6, 3))) {}
  torch::Tensor forward(torch::Tensor x) { return last(encoder(embed(x.transpose(0, 1))).mean(0)); }
  nn::Linear embed;
  nn::TransformerEncoder encoder;
  nn::Linear last;
};

/// Sequences [n, 8, 5] in three classes, by which part of the first five steps is largest.
inline DataSet sequence_data() {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(3);
  const auto part = [&](int64_t n) {
    const auto x = torch::randn({n, 8, 5}, generator);
    return DataPart{x, x.slice(2, 0, 3).mean(1).argmax(1)};
  };
  return {"sequences", part(90), part(40), part(40)};
}

/// A task whose trials are `build()`, with learning rates of their own.
inline FunctionTask model_task(std::function<BuiltModel()> build, OptimizerKind optimizer) {
  const auto loss = [](torch::Tensor output, torch::Tensor y) {
    return nn::functional::cross_entropy(output, y, nn::functional::CrossEntropyFuncOptions().reduction(torch::kNone));
  };
  return FunctionTask(sequence_data(), {{"loss", loss, {}}}, [=](const TrialConfig& config) {
    const BuiltModel model = build();
    TrialProgram program;
    program.module = model.module;
    program.forward = model.forward;
    program.loss = [](torch::Tensor output, torch::Tensor y) { return nn::functional::cross_entropy(output, y); };
    program.batch_size = 16;
    program.n_intervals = 6;
    program.optimizer.kind = optimizer;
    program.optimizer.lr = config.tensor("lr");
    return program;
  });
}

}  // namespace lockstep::testing
