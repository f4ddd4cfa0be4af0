#pragma once

#include <lockstep/backend.h>
#include <lockstep/sweep_spec.h>

#include "core/simulation.h"

namespace lockstep::fuzz {

/// Plays curves to a policy, all at once and through few slots. May throw lockstep::Error.
inline void simulate(const RecordedCurves& curves, Goal goal, const EarlyTermination& policy) {
  for (const int64_t n_slots : {0, 5}) {
    const Simulation simulation = simulate_policy(curves, goal, policy, n_slots, host_backend(), Context{});
    const Progress& progress = simulation.with_policy.progress;
    // Whatever the policy does, every trial comes to an end.
    if (progress.n_finished + progress.n_stopped + progress.n_diverged != curves.n_trials()) __builtin_trap();
  }
}

}  // namespace lockstep::fuzz
