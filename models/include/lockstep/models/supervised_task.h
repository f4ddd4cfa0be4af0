#pragma once

#include <string>
#include <vector>

#include <lockstep/models/dataset.h>
#include <lockstep/models/model.h>
#include <lockstep/sweep_spec.h>
#include <lockstep/torch/task.h>

namespace lockstep::models {

/// The parts as tensors: inputs [n, input_shape...] float32, or int64 with language; targets [n] int64 (classes) or
/// float32, or [n, context] int64.
DataSet to_tensors(LoadedData data);

/// Classification, regression, or language modelling on a data set, with any registered model.
///
/// Read as C++ values, so that they split trials into cohorts: `model`, `epochs` (10), `batch_size` (64), `optimizer`
/// (sgd, adam or adamw; sgd), `data_order` (shared or own; shared), and what the model reads so. Read as tensors, so that they vary inside a batch: `lr` or
/// `learning_rate` (needed), `momentum`, `dampening`, `nesterov`, `weight_decay`, `beta1`, `beta2`, `eps`, with
/// torch::optim's defaults; and, each only where it is given, `schedule` with its hyperparameters (ScheduleOptions'
/// names), `clip_grad_norm`, `clip_grad_value`, `loss_scale`, `loss_scale_growth_interval`, `label_smoothing`
/// (not with regression), `divergence_threshold`.
///
/// Classification trains on cross entropy and reports accuracy, error (1 - accuracy) and loss. Regression trains on the
/// mean squared error of the standardised target and reports it as loss; r2, rmse, mae and mse are in the target's own
/// units. Language modelling trains on the cross entropy of each next character and reports it as loss (nats a
/// character), bits_per_character, perplexity, accuracy and error.
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
  DataShape shape_;
  DataSet data_;
  std::vector<Metric> metrics_;
  std::vector<std::string> notes_;
};

}  // namespace lockstep::models
