#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <torch/nn/module.h>
#include <torch/types.h>

#include <lockstep/torch/trial_config.h>

namespace lockstep {

/// Examples, one a row.
struct Batch {
  torch::Tensor inputs;   ///< [n, ...]
  torch::Tensor targets;  ///< [n, ...]
};

/// One part of a data set, shared by all trials: two tensors, or a function that makes minibatches.
struct DataPart {
  torch::Tensor inputs;   ///< [n, ...], one example a row; undefined with `fetch`
  torch::Tensor targets;  ///< [n, ...]
  /// Examples by their numbers in [0, n_examples): [m] int64, on the sweep's device, any of them any number of times. For data
  /// that does not fit in memory twice, or is computed: windows of a text, crops of an image. Called outside of a TrialScope, by
  /// several threads at once; must give the same for the same numbers (what is random belongs to `TrialProgram::augment`).
  std::function<Batch(const torch::Tensor& examples)> fetch = {};
  int64_t n_examples = 0;  ///< with `fetch`
  int64_t size() const { return fetch ? n_examples : inputs.defined() ? inputs.size(0) : 0; }
};

/// Train, validation and test parts. A sweep trains on the first, decides on the second, and looks at the third once,
/// at the end, with the best trial. `test` may be empty.
struct DataSet {
  std::string name;
  DataPart train;
  DataPart validation;
  DataPart test;
};

/// A text that tells this data from other data: type, shape and CRC-32 of every tensor; of a part that is fetched, of some
/// examples. No protection against forgery.
std::string data_fingerprint(const DataSet& data);

enum class OptimizerKind { kSgd, kAdam, kAdamW };

enum class ScheduleKind { kConstant, kStep, kCosine, kOneCycle };

/// Where trials stand in their training, a row each, for a schedule of one's own.
struct RowTimes {
  torch::Tensor learning_rate;  ///< [n_rows] double: OptimizerOptions::lr
  torch::Tensor epoch;          ///< [n_rows] double: epochs trained, with fractions; 0 before the first step
  double n_epochs = 1;          ///< that the rows train for
  /// A hyperparameter of the rows (`TrialConfig::tensor`) as [n_rows] double.
  torch::Tensor row(const torch::Tensor& hyperparameter) const;
};

/// One step of many trials at once, a row each, for an optimiser of one's own. Every tensor is on the sweep's device. What a row
/// becomes must hang on that row alone: so no sum or mean over rows.
struct RowStep {
  torch::Tensor parameters;            ///< [n_rows, row_size] float: to be changed in place
  torch::Tensor gradients;             ///< [n_rows, row_size] float, unscaled and clipped; 0 where the loss has none
  std::vector<torch::Tensor> state;    ///< `OwnOptimizer::n_states` times [n_rows, row_size] float, 0 at first: likewise
  torch::Tensor learning_rate;         ///< [n_rows, 1] float, as the schedule has it
  torch::Tensor step;                  ///< [n_rows, 1] float: from 1, without the steps that a row skipped
  /// A hyperparameter of the rows (`TrialConfig::tensor`) as [n_rows, 1] float.
  torch::Tensor column(const torch::Tensor& hyperparameter) const;
};

/// An optimiser of one's own, as a function of rows:
///
///     program.optimizer.own = {.n_states = 1, .step = [beta = trial.tensor("beta")](const lockstep::RowStep& rows) {
///       rows.parameters.sub_(rows.learning_rate * rows.state[0].mul_(rows.column(beta)).add_(rows.gradients).sign());
///     }};
struct OwnOptimizer {
  int64_t n_states = 0;  ///< moments and the like: they move, stop and are saved with their trials
  std::function<void(const RowStep& rows)> step = {};
};

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
  /// A schedule of one's own, instead of all above: the learning rates [n_rows] double of the coming step.
  std::function<torch::Tensor(const RowTimes& rows)> own = {};
};

/// The optimiser of one trial, with the names, defaults and meaning of torch::optim's options. Each tensor is a scalar
/// for the trial (`TrialConfig::tensor`), so it varies inside a batch; the kind is structural. An undefined tensor
/// means the default written beside it.
///
/// A step goes: gradients are divided by the loss scale, clamped, scaled down to the norm, and applied at the
/// schedule's rate.
struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::kSgd;
  OwnOptimizer own = {};       ///< where it has a `step`: instead of `kind`; of the options here, schedule to loss scale hold for it
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

/// One trial, written as if it trained alone. Its functions run inside a TrialScope: they see one trial's tensors, draw from
/// the trial's own random streams, and must not branch on tensor values. `module` is in training or in evaluation mode.
struct TrialProgram {
  std::shared_ptr<torch::nn::Module> module;  ///< owns every parameter and buffer that trains
  std::function<torch::Tensor(torch::Tensor inputs)> forward;                         ///< -> output [batch, ...]
  std::function<torch::Tensor(torch::Tensor output, torch::Tensor targets)> loss;     ///< -> scalar, mean over the batch
  /// A training step of one's own, where an output and a loss of it are not all: -> scalar, mean over the batch, whose gradient
  /// the optimiser takes. Instead of `loss(forward(inputs), targets)`; `loss` is not needed then.
  std::function<torch::Tensor(torch::Tensor inputs, torch::Tensor targets)> step = {};
  /// What metrics look at: `forward`, unless this is given.
  std::function<torch::Tensor(torch::Tensor inputs)> predict = {};
  /// Changes the inputs of a training minibatch, at random as a rule: every trial in its own way, at every step anew.
  std::function<torch::Tensor(torch::Tensor inputs)> augment = {};
  OptimizerOptions optimizer = {};
  int64_t batch_size = 32;
  int64_t n_intervals = 1;  ///< epochs
  /// Whether each trial sees its examples in an order of its own. Otherwise all trials share one an epoch, which lets them
  /// share minibatches as well and compares them on the same ones.
  bool own_order = false;

  /// The loss of a training minibatch; what metrics look at. Throws TaskError where the functions for it are missing.
  torch::Tensor training_loss(torch::Tensor inputs, torch::Tensor targets) const;
  torch::Tensor prediction(torch::Tensor inputs) const;
};

/// The program of a module (a holder, as TORCH_MODULE makes one) and a loss of its output.
template <class Module>
TrialProgram trial_program(Module module, std::function<torch::Tensor(torch::Tensor output, torch::Tensor targets)> loss) {
  TrialProgram program;
  program.module = module.ptr();
  program.forward = [module](torch::Tensor inputs) mutable { return module->forward(std::move(inputs)); };
  program.loss = std::move(loss);
  return program;
}

/// A metric of a trial on a part of the data: the mean over examples of `per_example`, put through `finish`; or `whole`.
struct Metric {
  std::string name;
  std::function<torch::Tensor(torch::Tensor output, torch::Tensor targets)> per_example = {};  ///< -> [batch] or any shape with batch first; summed in double, each value in float
  /// From the mean over the part (and that part's targets) to the metric; identity when empty. Runs on the host, in
  /// double, with the targets in host memory, once an interval; not for a mean that is NaN, whose metric is NaN.
  std::function<double(double mean, const torch::Tensor& targets)> finish = {};
  /// Instead of both, for what is no mean over examples (a rank correlation, an area under a curve): from the outputs of the
  /// whole part to a scalar. The outputs of every trial of a batch are held for it.
  std::function<torch::Tensor(torch::Tensor outputs, torch::Tensor targets)> whole = {};
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
