#pragma once

#include <atomic>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include <lockstep/sweep.h>
#include <lockstep/torch/executor.h>
#include <lockstep/torch/export.h>
#include <lockstep/torch/task.h>

namespace lockstep {

/// A task made of its parts: for programs whose trials need no class of their own.
class FunctionTask : public Task {
 public:
  using Build = std::function<TrialProgram(const TrialConfig&)>;
  FunctionTask(DataSet data, std::vector<Metric> metrics, Build build)
      : data_(std::move(data)), metrics_(std::move(metrics)), build_(std::move(build)) {}

  TrialProgram build(const TrialConfig& config) const override { return build_(config); }
  const DataSet& data() const override { return data_; }
  const std::vector<Metric>& metrics() const override { return metrics_; }

 private:
  DataSet data_;
  std::vector<Metric> metrics_;
  Build build_;
};

/// A sweep that was run inside a program: its result, and the configurations that its trial ids stand for.
struct TaskSweep {
  SweepResult result;
  Configurations configurations;
  uint64_t seed = 0;
  /// Of `result.best`; none without one. `restore_trial` makes a module of them, which `save_model` saves.
  NamedTensors best_weights;
};

/// Samples the configurations (`trial_count`) of `spec.search_space`, trains them as batches and returns what came of it.
/// `spec.sampling.seed` decides everything random; without one, `options.seed` does.
/// Throws what sampling, `make_torch_executor` and `run_sweep` throw.
TaskSweep run_sweep(const Task& task, const SweepSpec& spec, TorchExecutorOptions options = {},
                    std::span<SweepObserver* const> observers = {}, const std::atomic<bool>* stop_requested = nullptr);

}  // namespace lockstep
