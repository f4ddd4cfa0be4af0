// Median stopping (Golovin et al.: Google Vizier, KDD 2017, section 3.2.2, as Azure ML states it): a trial stops when its
// best so far is strictly worse than the median of the other trials' running averages.
#include "cuda/early_stopping/equal_age.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

LOCKSTEP_HD bool has_ended(TrialState state) {
  return state != TrialState::kWaiting && state != TrialState::kRunning;
}

/// The median of the first `n` of the ascending `scores`.
LOCKSTEP_HD double median_of_sorted(const double* scores, int64_t n) {
  const double upper = scores[n / 2];
  if (n % 2 == 1) return upper;
  const double lower = scores[n / 2 - 1];
  // Equal ones give themselves, exactly; halves first, as the sum may overflow.
  return lower == upper ? lower : 0.5 * lower + 0.5 * upper;
}

struct MedianRule {
  Goal goal;
  MedianReference reference;

  LOCKSTEP_HD double score_at(const HistoryView& history, int64_t trial, int64_t age) const {
    const TrialState state = history.state[trial];
    const int64_t n = history.n_reported[trial];
    if (state == TrialState::kWaiting || n == 0) return kLeftOut;
    bool compared = false;
    switch (reference) {
      case MedianReference::kAll:
        compared = n >= age || has_ended(state);
        break;
      case MedianReference::kReached:
        compared = n >= age;
        break;
      case MedianReference::kCompleted:
        compared = state == TrialState::kFinished;
        break;
    }
    if (!compared) return kLeftOut;
    return history.mean_score[trial * history.n_intervals + (n < age ? n : age) - 1];
  }

  LOCKSTEP_HD void judge(double best_score, const double* averages, int64_t n_compared, Verdict& verdict) const {
    const double median = median_of_sorted(averages, n_compared);
    verdict.judged = 1;
    verdict.stop = best_score < median ? 1 : 0;
    verdict.threshold = metric_of(goal, median);
  }
};

}  // namespace

void median_stopping(const Context& context, Goal goal, const EarlyTermination& policy, const HistoryView& history,
                     const int64_t* trials, int64_t n, Verdict* verdicts) {
  if (n <= 0) return;
  judge_at_equal_age(context, goal, policy, history, trials, n, verdicts, MedianRule{goal, policy.reference});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
