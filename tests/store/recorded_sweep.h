#pragma once

#include <limits>
#include <string>
#include <vector>

#include <lockstep/sweep.h>

#include "core/fake_executor.h"
#include "store/journal.h"

namespace lockstep {

/// Hyperparameters of each way to be written: real, chosen text, chosen list, integer.
inline SearchSpace mixed_space() {
  SearchSpace space;
  space.add("lr", loguniform(-7, -1));
  space.add("activation", choice({"relu", "tanh, really", true, 3}));
  space.add("hidden", choice({Value::List{64, 32}, Value::List{16}}));
  space.add("depth", randint(4));
  return space;
}

/// Draws of `n_trials` trials of `mixed_space`, each different.
inline Configurations mixed_configurations(int64_t n_trials) {
  std::vector<double> draws;
  for (int64_t trial = 0; trial < n_trials; ++trial) {
    draws.insert(draws.end(), {0.001 * static_cast<double>(trial + 1), static_cast<double>(trial % 4),
                               static_cast<double>(trial % 2), static_cast<double>((trial + 1) % 4)});
  }
  return Configurations(mixed_space(), 0, n_trials, draws);
}

inline RunInfo test_info() {
  RunInfo info;
  info.lockstep_version = "0.1.0";
  info.torch_version = "2.15.0";
  info.device = "cpu";
  info.seed = 7;
  info.notes = {"one cohort"};
  return info;
}

inline SweepSpec test_spec(Goal goal = Goal::kMaximize) {
  SweepSpec spec = loop_spec(goal);
  spec.file = "sweeps/digits.yml";
  spec.display_name = "digits";
  spec.text = "type: sweep\n";
  spec.objective.primary_metric = "accuracy";
  return spec;
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Finishes, is stopped at 2 (its best 0.3 is below the others' averages), diverges by NaN, diverges by infinity,
/// finishes.
inline Curves five_curves() {
  return {{0.5, 0.7, 0.6}, {0.3, 0.2, 0.9}, {0.6, 0.6, kNan}, {kInfinity, 0.1, 0.1}, {0.4, 0.5, 0.7}};
}

/// Runs `curves` through the interval loop into the journal.
inline SweepResult record_sweep(Journal& journal, const Curves& curves, SweepSpec spec) {
  FakeExecutor executor(curves);
  const Configurations configurations = mixed_configurations(static_cast<int64_t>(curves.size()));
  const std::vector<SweepObserver*> observers = {&journal};
  return run_sweep(spec, configurations, executor, host_backend(), Context{}, observers);
}

/// The five curves, with median stopping from interval 2 on, in a new `directory`.
inline SweepResult record_five(const std::string& directory, Goal goal = Goal::kMaximize) {
  Journal journal(directory, test_info());
  const SweepResult result = record_sweep(journal, five_curves(), with_median(test_spec(goal), 1, 2));
  journal.close();
  return result;
}

}  // namespace lockstep
