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
  int64_t tile_size = 0;   ///< trials in one batched module; 0: planned from the cohort's memory and the cache
  uint64_t seed = 0;       ///< of initial weights and data order
};

/// An executor whose trials are modules.
class TaskExecutor : public Executor {
 public:
  /// The weights of the trial that was kept last, which in a sweep is the best, as `restore_trial` takes them; none before one was.
  virtual NamedTensors kept_weights() = 0;
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
