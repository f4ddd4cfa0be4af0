#pragma once

#include <functional>
#include <span>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/torch/task.h>

namespace lockstep {

/// How long the trials of a tile train: what schedules are as long as.
struct TrainingLength {
  int64_t steps_per_epoch = 1;
  int64_t n_epochs = 1;
};

/// The optimiser of a batch: every hyperparameter and every piece of state is a row a trial, the step count too.
class RowOptimizer {
 public:
  /// @param parameters [n_trials, row_size] float; updated in place by `step`
  RowOptimizer(const OptimizerOptions& options, const torch::Tensor& parameters, const TrainingLength& length);

  /// One step of every trial. `segments` cover the parameters that have gradients: those of the losses times
  /// `loss_scale()`.
  /// @param losses [n_trials], not scaled
  void step(const Backend& backend, const Context& context, const torch::Tensor& parameters,
            std::span<const GradientSegment> segments, const torch::Tensor& losses);

  /// [n_trials] int64: steps that each trial has seen, skipped ones too.
  const torch::Tensor& steps() const { return steps_; }
  const TrainingLength& length() const { return length_; }
  /// [n_trials] float: what the losses of the next step are to be multiplied with. Undefined: nothing scales.
  const torch::Tensor& loss_scale() const { return loss_scale_; }
  /// [n_trials] uint8: 1 where a loss since `forget_divergence` was not finite, or above the trial's threshold.
  const torch::Tensor& diverged() const { return diverged_; }
  void forget_divergence() { diverged_.zero_(); }
  /// Every tensor with a row a trial, to be moved with the trials. Undefined ones are left out.
  std::vector<torch::Tensor*> row_tensors();
  /// Those of them that training changes: the rest are hyperparameters.
  std::vector<torch::Tensor*> state_tensors();

 private:
  void read_gradient_options(const OptimizerOptions& options, const torch::Tensor& parameters);
  RowUpdate rows_of(const torch::Tensor& parameters, std::span<const GradientSegment> segments,
                    const torch::Tensor& losses);
  void step_own(const Backend& backend, const Context& context, const torch::Tensor& parameters, RowUpdate rows);
  /// [n_trials] double: the learning rates of the coming step, by a schedule of the task's own.
  torch::Tensor own_rates() const;

  OptimizerKind kind_;
  OwnOptimizer own_;  ///< the task's, if it has a step
  std::function<torch::Tensor(const RowTimes&)> own_schedule_;
  TrainingLength length_;
  torch::Tensor lr_, weight_decay_, momentum_, dampening_, beta1_, beta2_, eps_;   // [n_trials] double
  torch::Tensor nesterov_;                                                         // [n_trials] uint8
  torch::Tensor schedule_;                                                         // [n_trials, 13] double
  torch::Tensor clip_value_, clip_norm_, growth_interval_, divergence_threshold_;  // [n_trials] double
  torch::Tensor steps_, good_steps_, skipped_;                                     // [n_trials] int64
  torch::Tensor loss_scale_;                                                       // [n_trials] float
  torch::Tensor diverged_;                                                         // [n_trials] uint8
  torch::Tensor momentum_buffer_, exp_avg_, exp_avg_sq_;                           // as the parameters
  std::vector<torch::Tensor> own_state_;                                           // likewise
};

}  // namespace lockstep
