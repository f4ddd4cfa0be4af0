#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <lockstep/torch/task.h>

namespace lockstep::bench {

constexpr double kMomentum = 0.9;  ///< of the workloads that train with SGD

/// What every contestant takes; `bench/peers/contest.py` has the same for Python. What is no option of the command line
/// is the workload's, from workloads.json.
struct Contest {
  std::string workload = "mlp";
  int64_t width = 64;        ///< of the two hidden layers of `mlp`
  int64_t n_trials = 0;      ///< 0: the workload's
  double min_seconds = 2;    ///< whole epochs are timed until this much time has gone by
  int n_threads = 0;         ///< 0: one a core
  std::string device = "cpu";  ///< of Lockstep
  bool eager = false;        ///< of Lockstep on a GPU: steps are not recorded
  int64_t tile_size = 0;     ///< of Lockstep; 0: planned
  bool verbose = false;      ///< of Lockstep: say what was planned
  int64_t batch_size = 0;
  bool adam = false;         ///< otherwise SGD with momentum
  double smallest_lr = 0, largest_lr = 0;
  int64_t n_train = 0, n_validation = 0;  ///< of synthetic data
};

/// Reads the command line; ends the program on `--help` and on what it does not know. Refuses to go on in a Debug
/// build.
Contest parse_contest(int argc, char** argv, const char* description);

/// Runs `epoch` once to warm up, then until `min_seconds` have gone by, and prints the JSON line that bench/run reads.
/// @param epoch trains and validates `trials_per_epoch` trials for one epoch and returns the best validation accuracy
void time_epochs(const Contest& contest, const DataSet& data, int64_t trials_per_epoch,
                 const std::function<double()>& epoch);

}  // namespace lockstep::bench
