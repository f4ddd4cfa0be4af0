#pragma once

#include <span>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/torch/task.h>

namespace lockstep {

/// The optimiser of a batch: every hyperparameter and every piece of state is a row a trial, the step count too.
class RowOptimizer {
 public:
  /// @param parameters [n_trials, row_size] float; updated in place by `step`
  RowOptimizer(const OptimizerOptions& options, const torch::Tensor& parameters);

  /// One step of every trial. `segments` cover the parameters that have gradients.
  void step(const Backend& backend, const Context& context, const torch::Tensor& parameters,
            std::span<const GradientSegment> segments);

  /// [n_trials] int64: steps that each trial has taken.
  const torch::Tensor& steps() const { return steps_; }
  /// Every tensor with a row a trial, to be moved with the trials. Undefined ones are left out.
  std::vector<torch::Tensor*> row_tensors();
  /// Those of them that training changes: the rest are hyperparameters.
  std::vector<torch::Tensor*> state_tensors();

 private:
  OptimizerKind kind_;
  torch::Tensor lr_, weight_decay_, momentum_, dampening_, beta1_, beta2_, eps_;  // [n_trials] double
  torch::Tensor nesterov_;                                                      // [n_trials] uint8
  torch::Tensor steps_;                                                         // [n_trials] int64
  torch::Tensor momentum_buffer_, exp_avg_, exp_avg_sq_;                        // as the parameters; as the kind needs
};

}  // namespace lockstep
