#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/executor.h>
#include <lockstep/torch/export.h>
#include <lockstep/torch/task.h>

namespace lockstep {

struct TorchExecutorOptions {
  torch::Device device = torch::kCPU;
  int n_threads = 0;       ///< worker threads on a CPU; 0: one a core
  int64_t tile_size = 0;   ///< trials in one batched module; 0: measured, or planned from the cohort's memory and the cache
  /// Most that the process may hold on a CPU, in bytes; 0: what is free. Limits how many trials train at once, and, where
  /// that is not enough, the tiles.
  int64_t memory_bytes = 0;
  /// What `TaskExecutor::plan` of an earlier run of this sweep gave: taken over instead of being measured again, as far as
  /// it fits. Empty: there is none.
  std::string plan = {};
  uint64_t seed = 0;       ///< of initial weights and data order
  /// The configurations are provisional (`Executor::configure`): memory is planned for the largest of them.
  bool configurations_change = false;
  /// On a GPU: a training step and an evaluation run once as the task wrote them, and once to be recorded (a CUDA graph);
  /// from then on, as long as the batch has as many rows, the recording is played. So `forward`, `loss` and
  /// `per_example` must do the same at every step as far as the host can see: counters of the task's own, say, would
  /// stand still. Where they read a tensor's value nothing is recorded.
  bool record_steps = true;
  /// For tests of a task: an op that makes the host wait for a device while trials train or are evaluated (`.item()`,
  /// `nonzero`, `masked_select`, `unique`, a copy between devices) throws a TaskError that names it and the cure. On a
  /// CPU too, where nothing waits: so that a GPU is not needed to see what would stop it at every step.
  bool refuse_host_waits = false;
  /// Trials, the best, whose weights are kept; at least 1.
  int64_t n_kept = 1;
  /// Metrics of the task that trials report beside the primary one: `IntervalReport::other_metrics`.
  std::vector<std::string> other_metrics = {};
};

/// An executor whose trials are modules.
class TaskExecutor : public Executor {
 public:
  /// The weights that were kept of `trial`, as `restore_trial` takes them; none without.
  virtual NamedTensors kept_weights(int64_t trial) = 0;
  /// Every metric of the task that these weights have on a part of its data, by name; nothing without them or without the part.
  virtual std::map<std::string, double> kept_metrics(int64_t trial, const DataPart& part) = 0;
  /// How trials are trained, as JSON: tile sizes by cohort, and how many trials memory takes at once. Results do not hang
  /// on it; their speed does.
  virtual std::string plan() const = 0;
};

/// Trains the trials of `configurations` in batches of trials whose tensors have the same shapes.
///
/// Construction groups the trials into cohorts, by building one trial of each. Throws InputError when a search-space or
/// `trial:` name is never read (naming the nearest one that is), TaskError when `primary_metric` is not among the task's metrics.
/// `task`, `configurations` and `settings` must outlive the executor.
std::unique_ptr<TaskExecutor> make_torch_executor(const Task& task, const Configurations& configurations,
                                              const std::map<std::string, Setting>& settings,
                                              const Objective& objective, const TorchExecutorOptions& options);

}  // namespace lockstep
