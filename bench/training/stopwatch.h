#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace lockstep::bench {

/// What every contestant takes; `bench/peers/contest.py` has the same for Python.
struct Contest {
  int64_t width = 64;        ///< of the two hidden layers
  int64_t n_trials = 256;
  int64_t batch_size = 64;
  double min_seconds = 2;    ///< whole epochs are timed until this much time has gone by
  int n_threads = 0;         ///< 0: one a core
};

/// Reads the command line; ends the program on `--help` and on what it does not know. Refuses to go on in a Debug
/// build.
Contest parse_contest(int argc, char** argv, const char* description);

/// Runs `epoch` once to warm up, then until `min_seconds` have gone by, and prints the JSON line that bench/run reads.
/// @param epoch trains and validates `trials_per_epoch` trials for one epoch and returns the best validation accuracy
void time_epochs(const Contest& contest, int64_t trials_per_epoch, const std::function<double()>& epoch);

}  // namespace lockstep::bench
