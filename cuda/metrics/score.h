#pragma once

#include <cmath>

#include <lockstep/sweep_spec.h>

#include "cuda/common/macros.h"
#include "cuda/common/math.h"

namespace lockstep {

/// Lower than every score of a finite metric; the score of one that is not finite.
inline constexpr double kWorstScore = -kInfinity;

/// The metric turned so that higher is better. Never NaN, +infinity or -0, so that scores order totally.
LOCKSTEP_HD inline double score_of(Goal goal, double metric) {
  if (!is_finite(metric)) return kWorstScore;
  return goal == Goal::kMaximize ? metric + 0.0 : 0.0 - metric;
}

/// A score in the metric's own sign.
LOCKSTEP_HD inline double metric_of(Goal goal, double score) { return goal == Goal::kMaximize ? score : 0.0 - score; }

}  // namespace lockstep
