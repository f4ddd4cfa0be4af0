#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <torch/nn/module.h>
#include <torch/types.h>

#include <lockstep/torch/trial_config.h>

namespace lockstep {

/// One part of a data set, shared by all trials: inputs [n, ...] and targets [n, ...] with one example a row.
struct DataPart {
  torch::Tensor inputs;
  torch::Tensor targets;
  int64_t size() const { return inputs.defined() ? inputs.size(0) : 0; }
};

/// Train, validation and test parts. A sweep trains on the first, decides on the second, and looks at the third once,
/// at the end, with the best trial. `test` may be empty.
struct DataSet {
  std::string name;
  DataPart train;
  DataPart validation;
  DataPart test;
};

/// A text that tells this data from other data: type, shape and CRC-32 of every tensor. No protection against forgery.
std::string data_fingerprint(const DataSet& data);

enum class OptimizerKind { kSgd, kAdam, kAdamW };

/// The optimiser of one trial, with the names, defaults and meaning of torch::optim's options. Each tensor is a scalar
/// for the trial (`TrialConfig::tensor`), so it varies inside a batch; the kind is structural. An undefined tensor means the
/// default written beside it.
struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::kSgd;
  torch::Tensor lr;            ///< required
  torch::Tensor weight_decay;  ///< 0; AdamW: 0.01
  torch::Tensor momentum;      ///< SGD: 0
  torch::Tensor dampening;     ///< SGD: 0
  torch::Tensor nesterov;      ///< SGD: 0 (off); 1 is on
  torch::Tensor beta1;         ///< Adam, AdamW: 0.9
  torch::Tensor beta2;         ///< Adam, AdamW: 0.999
  torch::Tensor eps;           ///< Adam, AdamW: 1e-8
};

/// One trial, written as if it trained alone. Runs inside a TrialScope, so `forward`, `loss` and `metric` see one trial's
/// tensors and must not branch on tensor values.
struct TrialProgram {
  std::shared_ptr<torch::nn::Module> module;  ///< owns every parameter and buffer that trains
  std::function<torch::Tensor(torch::Tensor inputs)> forward;                         ///< -> output [batch, ...]
  std::function<torch::Tensor(torch::Tensor output, torch::Tensor targets)> loss;     ///< -> scalar, mean over the batch
  OptimizerOptions optimizer;
  int64_t batch_size = 32;
  int64_t n_intervals = 1;  ///< epochs
};

/// A metric of a trial on a part of the data: the mean over examples of `per_example`, put through `finish`.
struct Metric {
  std::string name;
  std::function<torch::Tensor(torch::Tensor output, torch::Tensor targets)> per_example;  ///< -> [batch] or any shape with batch first; summed in double, each value in float
  /// From the mean over the part (and that part's targets) to the metric; identity when empty. Runs on the host, in double.
  std::function<double(double mean, const torch::Tensor& targets)> finish;
};

/// A training task: how to build one trial, on what data, judged by which metrics. An interval is one epoch.
/// Implementations must be safe to call from several threads at once: each worker builds and runs its own batches.
class Task {
 public:
  virtual ~Task() = default;
  /// Builds one trial from its configuration. Called inside a constructing TrialScope for a whole batch of them.
  virtual TrialProgram build(const TrialConfig& config) const = 0;
  virtual const DataSet& data() const = 0;
  virtual const std::vector<Metric>& metrics() const = 0;
  /// What a user should know of the data, one line each: sizes of the parts, rows left out.
  virtual std::vector<std::string> notes() const { return {}; }
};

}  // namespace lockstep
