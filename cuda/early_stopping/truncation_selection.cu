// Truncation selection: the worst X percent of those at one age stop, as Azure ML states it.
#include "cuda/early_stopping/equal_age.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

struct TruncationRule {
  Goal goal;
  int64_t percentage;
  bool exclude_finished;

  LOCKSTEP_HD double score_at(const HistoryView& history, int64_t trial, int64_t age) const {
    if (exclude_finished && history.state[trial] == TrialState::kFinished) return kLeftOut;
    return best_at(history, trial, age);
  }

  /// The worst that survives. Those equal to it survive too, and below 100 percent the best is never under it.
  LOCKSTEP_HD RankPair operator()(int64_t n_compared) const {
    const int64_t n_lowest = n_compared * percentage / 100;
    return {n_lowest, n_lowest};
  }

  LOCKSTEP_HD double cut(const OrderStatistics& compared) const { return compared.upper; }

  LOCKSTEP_HD void judge(double best_score, const OrderStatistics& compared, Verdict& verdict) const {
    const double lowest_kept = cut(compared);
    verdict.judged = 1;
    verdict.stop = best_score < lowest_kept ? 1 : 0;
    verdict.threshold = metric_of(goal, lowest_kept);
  }
};

}  // namespace

void truncation_selection(const Context& context, const SweepView& sweep, const DecideOptions& options) {
  const EarlyTermination& policy = *options.policy;
  require_matrix(sweep.history.best_score, "truncation_selection", "best_score");
  if (policy.truncation_percentage < 1 || policy.truncation_percentage > 99) {
    throw DeviceError("truncation_selection: truncation_percentage is " + std::to_string(policy.truncation_percentage) +
                      "; it must be 1 to 99.");
  }
  judge_at_equal_age(context, sweep, options,
                     TruncationRule{options.goal, policy.truncation_percentage, policy.exclude_finished_jobs});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
