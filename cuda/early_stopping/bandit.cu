// Bandit: a trial stops when its best so far is not within a slack of the best of all at its age, as Azure ML states it.
#include "cuda/early_stopping/equal_age.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

struct BanditRule {
  Goal goal;
  bool is_ratio;
  double slack;

  LOCKSTEP_HD double score_at(const HistoryView& history, int64_t trial, int64_t age) const {
    return best_at(history, trial, age);
  }

  LOCKSTEP_HD RankPair operator()(int64_t n_compared) const { return {n_compared - 1, n_compared - 1}; }

  /// In the metric's own sign: the worst that is within the slack.
  LOCKSTEP_HD double threshold(double best) const {
    if (goal == Goal::kMaximize) return is_ratio ? best / (1 + slack) : best - slack;
    return is_ratio ? best * (1 + slack) : best + slack;
  }

  LOCKSTEP_HD bool is_undefined(double best) const { return is_ratio && best <= 0; }

  LOCKSTEP_HD double cut(const OrderStatistics& compared) const {
    if (compared.upper == kWorstScore) return kWorstScore;
    const double best = metric_of(goal, compared.upper);
    if (is_undefined(best)) return kInfinity;
    return goal == Goal::kMaximize ? threshold(best) : 0.0 - threshold(best);
  }

  LOCKSTEP_HD void judge(double, const OrderStatistics& compared, Verdict& verdict) const {
    const double best_score = compared.upper;
    if (best_score == kWorstScore) return;  // all have diverged
    const double best = metric_of(goal, best_score);
    verdict.judged = 1;
    verdict.best = best;
    verdict.threshold = best;
    verdict.is_undefined = is_undefined(best) ? 1 : 0;
    if (verdict.is_undefined) return;  // for the caller to refuse
    verdict.threshold = threshold(best);
    verdict.stop = goal == Goal::kMaximize ? verdict.value < verdict.threshold : verdict.value > verdict.threshold;
  }
};

}  // namespace

void bandit(const Context& context, const SweepView& sweep, const DecideOptions& options) {
  const EarlyTermination& policy = *options.policy;
  require_matrix(sweep.history.best_score, "bandit", "best_score");
  if (policy.slack_factor.has_value() == policy.slack_amount.has_value()) {
    throw DeviceError("bandit: exactly one of slack_factor and slack_amount must be set.");
  }
  const bool is_ratio = policy.slack_factor.has_value();
  const double slack = is_ratio ? *policy.slack_factor : *policy.slack_amount;
  if (!is_finite(slack) || slack < 0) throw DeviceError("bandit: the slack must be a finite number, at least 0.");
  judge_at_equal_age(context, sweep, options, BanditRule{options.goal, is_ratio, slack});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
