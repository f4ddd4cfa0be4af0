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

enum class ScheduleKind { kConstant, kStep, kCosine, kOneCycle };

/// The learning-rate schedule of one trial, with the names, defaults and formulas of torch.optim.lr_scheduler (StepLR,
/// CosineAnnealingLR, OneCycleLR), looked at before every step. Times are epochs, and may be fractions: they are
/// rounded to whole steps. A schedule ends with the trial's last epoch. Each tensor is a scalar for the trial, the kind
/// too; undefined means the default beside it.
struct ScheduleOptions {
  torch::Tensor kind;              ///< a ScheduleKind as a number; kConstant
  torch::Tensor step_size;         ///< step: 1 epoch
  torch::Tensor gamma;             ///< step: 0.1
  torch::Tensor eta_min;           ///< cosine: 0
  torch::Tensor max_lr;            ///< one-cycle: the peak; `lr`
  torch::Tensor pct_start;         ///< one-cycle: 0.3
  torch::Tensor div_factor;        ///< one-cycle: 25
  torch::Tensor final_div_factor;  ///< one-cycle: 1e4
  /// one-cycle: 1 (on): SGD's momentum and Adam's beta1 are the schedule's, not their own.
  torch::Tensor cycle_momentum;
  torch::Tensor base_momentum;  ///< one-cycle: 0.85
  torch::Tensor max_momentum;   ///< one-cycle: 0.95
  /// Before any schedule, linearly to its first learning rate (LinearLR, then the schedule over the epochs that are
  /// left, as SequentialLR joins them): 0 epochs.
  torch::Tensor warmup_epochs;
  torch::Tensor warmup_factor;  ///< of that learning rate, at the first step: 1/3
};

/// The optimiser of one trial, with the names, defaults and meaning of torch::optim's options. Each tensor is a scalar
/// for the trial (`TrialConfig::tensor`), so it varies inside a batch; the kind is structural. An undefined tensor
/// means the default written beside it.
///
/// A step goes: gradients are divided by the loss scale, clamped, scaled down to the norm, and applied at the
/// schedule's rate.
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
  ScheduleOptions schedule;
  /// torch::nn::utils::clip_grad_value_ and clip_grad_norm_ (2-norm) on the trial's gradient alone: 0 or infinite,
  /// none.
  torch::Tensor clip_grad_value;
  torch::Tensor clip_grad_norm;
  /// The loss is multiplied with it, the gradients are divided by it: 0, none. A trial that has one skips a step whose
  /// gradient is not finite: weights and optimiser state stay as they are, Adam's step count too; the minibatch and the
  /// schedule's step are passed over, and the next step draws new random numbers. The scale is halved then.
  torch::Tensor loss_scale;
  /// Steps without a skipped one after which the scale is doubled, as torch.amp.GradScaler does: 2000. 0: it never
  /// changes.
  torch::Tensor loss_scale_growth_interval;
  /// A trial whose loss on a training minibatch is above it has diverged, as one has whose loss is not finite: none
  torch::Tensor divergence_threshold;
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
  /// Whether each trial sees its examples in an order of its own. Otherwise all trials share one an epoch, which lets them
  /// share minibatches as well and compares them on the same ones.
  bool own_order = false;
};

/// A metric of a trial on a part of the data: the mean over examples of `per_example`, put through `finish`.
struct Metric {
  std::string name;
  std::function<torch::Tensor(torch::Tensor output, torch::Tensor targets)> per_example;  ///< -> [batch] or any shape with batch first; summed in double, each value in float
  /// From the mean over the part (and that part's targets) to the metric; identity when empty. Runs on the host, in
  /// double, with the targets in host memory, once an interval; not for a mean that is NaN, whose metric is NaN.
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
