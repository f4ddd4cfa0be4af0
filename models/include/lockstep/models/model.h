#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <torch/nn/module.h>
#include <torch/types.h>

#include <lockstep/models/dataset.h>
#include <lockstep/torch/trial_config.h>

namespace lockstep::models {

/// The data that a model is built for.
struct DataShape {
  std::string name;             ///< the data set, for messages
  TaskKind task = TaskKind::kClassification;
  std::vector<int64_t> inputs;  ///< shape of one example, as `PreparedData::input_shape` has it
  int64_t n_outputs = 1;        ///< classes, characters of the vocabulary, or 1

  int64_t n_inputs() const {
    int64_t out = 1;
    for (const auto size : inputs) out *= size;
    return out;
  }
};

/// A module that a registered model builds for one trial, and how to run it.
struct BuiltModel {
  std::shared_ptr<torch::nn::Module> module;
  /// [n, inputs...] -> [n, n_outputs]; with language [n, context] -> [n, context, n_outputs].
  std::function<torch::Tensor(torch::Tensor inputs)> forward;
  std::function<torch::Tensor()> penalty = {};  ///< -> scalar, added to the loss of a training step; empty: none
};

/// Builds one trial's model, reading its hyperparameters from the configuration. Throws InputError about `model` when it
/// has no use for such data.
using ModelBuilder = std::function<BuiltModel(const TrialConfig& config, const DataShape& data)>;

/// A model by the name that `trial.model` has for it.
struct ModelEntry {
  std::string name;
  ModelBuilder build;
};

/// mlp, logistic, ridge, lenet, resnet, lstm, gru, transformer (docs/models.md).
const std::vector<ModelEntry>& registered_models();

}  // namespace lockstep::models
