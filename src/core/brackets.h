#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <lockstep/brackets.h>
#include <lockstep/configurations.h>
#include <lockstep/executor.h>
#include <lockstep/sweep_spec.h>

namespace lockstep {

/// The size of a sweep, as far as a policy's rungs and brackets hang on it.
struct SweepSize {
  int64_t n_trials = 0;
  int64_t n_slots = 0;      ///< trials that can train at once; may be above `n_trials`
  int64_t n_intervals = 0;  ///< the most that a trial trains
};

/// That of the sweep that `executor` is to train.
SweepSize sweep_size(const SweepSpec& spec, const Configurations& configurations, const Executor& executor);

/// The brackets of a policy that starts its trials in brackets; nothing for another. Throws InputError, with the field
/// under `early_termination` as key, when a policy cannot work in a sweep of that size: a bracket that has no place, rungs
/// beyond the last interval, a population of one.
std::optional<BracketPlan> plan_brackets(const EarlyTermination& policy, const SweepSize& size);

/// What a policy will do to a sweep of that size, in one line: "hyperband: brackets of 81, 34, 15, 8 and 5 trials, ...".
/// "" for none. Throws as plan_brackets does.
std::string describe_policy(const EarlyTermination& policy, const SweepSize& size);

}  // namespace lockstep
