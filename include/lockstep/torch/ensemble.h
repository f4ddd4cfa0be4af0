#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include <lockstep/torch/export.h>
#include <lockstep/torch/sweep.h>
#include <lockstep/torch/task.h>

namespace lockstep {

/// Trained trials that predict together: those of equal shape run as one batched module. In evaluation mode, without gradients.
///
///     const TaskSweep sweep = run_sweep(task, spec, {.n_kept = 5});
///     const torch::Tensor probabilities = Ensemble(task, sweep).forward(x).softmax(-1).mean(0);
class Ensemble {
 public:
  /// Of the trials whose weights a sweep has kept, the best first. Throws TaskError when `task` is not the one that they were
  /// trained with.
  Ensemble(const Task& task, const TaskSweep& sweep, torch::Device device = torch::kCPU);
  /// Of any trials: `weights` as `restore_trial` takes them, of `trials` in their order.
  Ensemble(const Task& task, const Configurations& configurations, const std::map<std::string, Setting>& settings,
           const std::vector<int64_t>& trials, const std::vector<NamedTensors>& weights, torch::Device device = torch::kCPU);
  ~Ensemble();
  Ensemble(Ensemble&&) noexcept;
  Ensemble& operator=(Ensemble&&) noexcept;

  int64_t n_trials() const;
  /// What each trial predicts: inputs [n, ...] on the ensemble's device -> [n_trials, n, ...], in the order of the trials. Throws
  /// TaskError when the trials' outputs differ in shape.
  torch::Tensor forward(const torch::Tensor& inputs) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lockstep
