#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <lockstep/sweep_spec.h>
#include <lockstep/torch/task.h>

#include "models/data/load.h"

namespace lockstep::models {

/// A module that a registered model builds for one trial, and how to run it.
struct BuiltModel {
  std::shared_ptr<torch::nn::Module> module;
  std::function<torch::Tensor(torch::Tensor inputs)> forward;  ///< [n, n_inputs] -> [n, n_outputs]
};

/// Builds one trial's model, reading its hyperparameters from the configuration.
using ModelBuilder = std::function<BuiltModel(const TrialConfig& config, int64_t n_inputs, int64_t n_outputs)>;

/// A model by the name that `trial.model` has for it.
struct ModelEntry {
  std::string name;
  ModelBuilder build;
};

/// Classification or regression on a table of examples, with any registered model.
///
/// Read as C++ values, so that they split trials into cohorts: `model`, `epochs` (10), `batch_size` (64), `optimizer`
/// (sgd, adam or adamw; sgd), `data_order` (shared or own; shared), and what the model reads so. Read as tensors, so that they vary inside a batch: `lr` or
/// `learning_rate` (needed), `momentum`, `dampening`, `nesterov`, `weight_decay`, `beta1`, `beta2`, `eps`, with
/// torch::optim's defaults; and, each only where it is given, `schedule` with its hyperparameters (ScheduleOptions'
/// names), `clip_grad_norm`, `clip_grad_value`, `loss_scale`, `loss_scale_growth_interval`, `label_smoothing`
/// (classification), `divergence_threshold`.
///
/// Classification trains on cross entropy and reports accuracy, error (1 - accuracy) and loss. Regression trains on the
/// mean squared error of the standardised target and reports it as loss; r2, rmse, mae and mse are in the target's own
/// units.
class SupervisedTask : public Task {
 public:
  /// Throws what `load_data` throws, and InputError when both names of the learning rate are given.
  SupervisedTask(const SweepSpec& spec, std::vector<ModelEntry> models);

  TrialProgram build(const TrialConfig& config) const override;
  const DataSet& data() const override { return data_; }
  const std::vector<Metric>& metrics() const override { return metrics_; }
  std::vector<std::string> notes() const override { return notes_; }

 private:
  OptimizerOptions read_optimizer(const TrialConfig& config) const;

  std::vector<ModelEntry> models_;
  std::string lr_name_;
  bool classification_ = true;
  int64_t n_inputs_ = 0;
  int64_t n_outputs_ = 0;
  DataSet data_;
  std::vector<Metric> metrics_;
  std::vector<std::string> notes_;
};

}  // namespace lockstep::models
