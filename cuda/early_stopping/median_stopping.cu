// Median stopping (Golovin et al.: Google Vizier, KDD 2017, section 3.2.2, as Azure ML states it): a trial stops when its
// best so far is strictly worse than the median of the other trials' running averages.
#include "cuda/early_stopping/equal_age.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

LOCKSTEP_HD bool has_ended(TrialState state) {
  return state != TrialState::kWaiting && state != TrialState::kRunning;
}

struct MedianRule {
  Goal goal;
  MedianReference reference;

  LOCKSTEP_HD double score_at(const HistoryView& history, int64_t trial, int64_t age) const {
    // Without a branch, which nothing would predict.
    const TrialState state = history.state[trial];
    const int32_t n = history.n_reported[trial];
    const bool reached = n >= age;
    const bool finished = state == TrialState::kFinished;
    const bool counts = reference == MedianReference::kCompleted  ? finished
                        : reference == MedianReference::kReached ? reached
                                                                 : reached | has_ended(state);
    const double last = history.last_mean[trial];
    const double then = history.mean_score[(age - 1) * history.n_trials + trial];
    const double average = n > age ? then : last;
    return counts & (n > 0) & (state != TrialState::kWaiting) ? average : kLeftOut;
  }

  LOCKSTEP_HD RankPair operator()(int64_t n_compared) const { return {(n_compared - 1) / 2, n_compared / 2}; }

  /// The median.
  LOCKSTEP_HD double cut(const OrderStatistics& averages) const {
    const double lower = averages.lower;
    const double upper = averages.upper;
    // Equal ones give themselves, exactly; halves first, as the sum may overflow.
    return lower == upper ? lower : 0.5 * lower + 0.5 * upper;
  }

  LOCKSTEP_HD void judge(double best_score, const OrderStatistics& averages, Verdict& verdict) const {
    const double median = cut(averages);
    verdict.judged = 1;
    verdict.stop = best_score < median ? 1 : 0;
    verdict.threshold = metric_of(goal, median);
  }
};

}  // namespace

void median_stopping(const Context& context, const SweepView& sweep, const DecideOptions& options) {
  require_matrix(sweep.history.mean_score, "median_stopping", "mean_score");
  judge_at_equal_age(context, sweep, options, MedianRule{options.goal, options.policy->reference});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
