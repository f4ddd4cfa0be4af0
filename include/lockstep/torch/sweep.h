#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
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

/// How a sweep runs inside a program. What it points to must live as long as the sweep runs.
struct SweepOptions {
  uint64_t seed = 0;                     ///< of everything random, unless `spec.sampling.seed` says another
  torch::Device device = torch::kCPU;
  int64_t n_kept = 1;                    ///< best trials whose weights are kept
  std::vector<std::string> other_metrics = {};     ///< that trials report beside the primary one (`IntervalReport::other_metrics`)
  std::vector<SweepObserver*> observers = {};      ///< called on the sweep's thread
  const std::atomic<bool>* stop_requested = nullptr;  ///< set to end after the running interval; null: nobody does
  Proposer* proposer = nullptr;          ///< chooses configurations as the sweep runs, instead of `spec.sampling`
  std::vector<EarlierTrial> earlier = {};  ///< that Bayesian sampling and early termination learn from
  /// The rest: threads, tiles, memory. Its seed, device, n_kept and other_metrics are those above.
  TorchExecutorOptions executor = {};
};

/// A sweep that was run inside a program: its result, and the configurations that its trial ids stand for.
struct TaskSweep {
  SweepResult result;
  Configurations configurations;
  uint64_t seed = 0;
  std::map<std::string, Setting> settings;  ///< `spec.trial`
  /// Of `result.leaders`, in their order. `restore_trial` makes a module of one, which `save_model` saves; an `Ensemble` predicts
  /// with all.
  std::vector<NamedTensors> weights;
  /// Every metric of the task that the best trial's weights have, by name; empty without a best trial, or a test part.
  std::map<std::string, double> validation_metrics;
  std::map<std::string, double> test_metrics;

  /// The best trial's value of a hyperparameter, as it was at its best interval. Throws InputError for a name that was not
  /// searched, and where no trial has a finite metric.
  Value best_value(const std::string& name) const;
  /// The configurations with those of the leaders as they were at their best intervals: what their weights belong to.
  Configurations leading_configurations() const;
};

/// Samples the configurations (`trial_count`) of `spec.search_space`, trains them as batches and returns what came of it. Prints
/// nothing. Throws what sampling, `make_torch_executor` and the core's `run_sweep` throw.
TaskSweep run_sweep(const Task& task, const SweepSpec& spec, SweepOptions options = {});

/// A sweep that runs on a thread of its own. Ended by its destructor, after the running interval.
class RunningSweep {
 public:
  /// `task` must outlive the sweep.
  RunningSweep(const Task& task, SweepSpec spec, SweepOptions options = {});
  ~RunningSweep();
  RunningSweep(RunningSweep&&) noexcept;
  RunningSweep& operator=(RunningSweep&&) noexcept;

  /// How far it was after the last interval.
  Progress progress() const;
  bool is_done() const;
  /// Ends the sweep after the running interval; what it came to is `get`'s all the same.
  void stop();
  /// Waits for the end. Throws what `run_sweep` throws. To be called once.
  TaskSweep get();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lockstep
