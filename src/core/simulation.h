#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <lockstep/sweep.h>

#include "core/recorded_curves.h"

namespace lockstep {

/// What a policy would have done to recorded trials.
struct Simulation {
  SweepResult with_policy;
  SweepResult without_policy;
  std::vector<TrialEnd> stops;  ///< in the order in which they happened
  /// How much worse the best metric is with the policy, 0 or more; none when no trial reported a finite metric.
  std::optional<double> loss;
  /// Place of the best metric with the policy among the trials' best ones without: 1 + the other trials that would have
  /// been better. 0 when no trial reported a finite metric.
  int64_t rank = 0;
};

/// Runs the interval loop over recorded curves, with the policy and without: the loop, and the device algorithms, of a
/// sweep. A trial that its record shows diverged ends there both times.
/// Throws InputError for population based training, and where the policy cannot work with these trials.
/// @param n_slots trials at once; 0: all
Simulation simulate_policy(const RecordedCurves& curves, Goal goal, const EarlyTermination& policy, int64_t n_slots,
                           const Backend& backend, const Context& context);

}  // namespace lockstep
