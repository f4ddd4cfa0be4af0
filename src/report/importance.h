#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/results.h"

namespace lockstep {

/// How much of what the primary metric does is explained by each hyperparameter.
///
/// fANOVA on a forest of regression trees (Hutter, Hoos, Leyton-Brown: An Efficient Approach for Assessing
/// Hyperparameter Importance, ICML 2014) of the trials' *ranks*: a hyperparameter's share is the variance of the forest's
/// mean over all other hyperparameters, divided by the forest's variance. Ranks, so that a few trials with a huge loss do
/// not decide, and a metric and its logarithm give the same. Hyperparameters vary as they were sampled, independently of
/// each other, so a logarithmic scale changes nothing either.
struct Importance {
  struct Share {
    std::string name;
    double share = 0;  ///< of the variance, by itself; in [0, 1]
  };
  std::vector<Share> shares;  ///< the largest first; ties in the search space's order; empty: see `reason`
  /// What hyperparameters explain together and none of them by itself: the rest to 1.
  double together = 0;
  /// Of trials that a tree has not seen: how much of their ranks' variance the forest predicts. Near 0 or below, the
  /// metric hangs on nothing that the search space varies, or there are too few trials to say.
  double held_out_r2 = 0;
  int64_t n_trials = 0;    ///< that counted, each with its best report, stopped ones too
  int64_t n_left_out = 0;  ///< without a finite report
  std::string reason;      ///< why there are no shares; "" where there are
};

/// The trials that a share needs at least.
inline constexpr int64_t kImportanceMinTrials = 10;

/// Of a sweep's trials so far. Deterministic; well under a second for 10,000 trials of ten hyperparameters.
Importance hyperparameter_importance(const SweepRecord& record);

}  // namespace lockstep
