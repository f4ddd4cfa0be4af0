#pragma once

#include <string>

#include <lockstep/error.h>

#include "cuda/common/order_statistics.h"
#include "cuda/early_stopping/policies.h"
#include "cuda/slots/conclude.h"

/// What median stopping, bandit and truncation selection share: a trial is judged at the age that it has just reached, by
/// an order statistic of others at that same age.
namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

template <class Rule>
struct ScoreAtAge {
  Rule rule;
  HistoryView history;
  int64_t age;
  LOCKSTEP_HD double operator()(int64_t trial) const { return rule.score_at(history, trial, age); }
};

/// Those below the cut have an event.
struct BelowCut {
  double cut;
  bool is_known;
  LOCKSTEP_HD bool operator()(int64_t, double best_score) const { return best_score < cut; }
};

template <class Rule>
struct JudgeAtAge {
  Rule rule;
  HistoryView history;
  const OrderStatistics* statistics;  ///< [n_intervals + 1] by age

  /// Not known where a single one is compared: it may be the trial itself.
  LOCKSTEP_HD BelowCut at(int64_t interval) const {
    const OrderStatistics compared = statistics[interval];
    return {compared.n_compared > 1 ? rule.cut(compared) : kWorstScore, compared.n_compared != 1};
  }

  LOCKSTEP_HD void operator()(int64_t, Event& event) const {
    const OrderStatistics& compared = statistics[event.interval];
    if (compared.n_compared == 0) return;
    // The one is the trial itself.
    if (compared.n_compared == 1 && rule.score_at(history, event.trial, event.interval) < kLeftOut) return;
    rule.judge(history.last_best[event.trial], compared, event.verdict);
    if (event.verdict.stop) event.decision = Decision::kStop;
  }
};

/// Judges the trials in the slots and concludes the interval. A `Rule` has, for host and device,
///   double score_at(history, trial, age): what `trial` brings to a comparison at that age, or kLeftOut;
///   RankPair operator()(n_compared): which of the scores it wants to know;
///   double cut(statistics): the score below which a trial's best so far has it stopped, or something else to say;
///   void judge(best_score, statistics, verdict): the verdict on a trial with this best score so far, its `value` set.
template <class Rule>
void judge_at_equal_age(const Context& context, const SweepView& sweep, const DecideOptions& options, const Rule& rule) {
  const EarlyTermination& policy = *options.policy;
  if (policy.evaluation_interval < 1) {
    throw DeviceError("early termination: evaluation_interval is " + std::to_string(policy.evaluation_interval) +
                      "; it must be at least 1.");
  }
  const HistoryView& history = sweep.history;
  const DeviceBuffer<OrderStatistics> statistics(context, history.n_intervals + 1);
  fill_zero(context, statistics.data(), (history.n_intervals + 1) * static_cast<int64_t>(sizeof(OrderStatistics)));
  const DeviceBuffer<double> scores(context, history.n_trials);
  const auto acts = [&](int64_t age) {
    return age % policy.evaluation_interval == 0 && age >= policy.delay_evaluation;
  };
  for_each_acting_age(options, acts, [&](int64_t age) {
    order_statistics(context, history.n_trials, ScoreAtAge<Rule>{rule, history, age}, rule, scores.data(),
                     statistics.data() + age);
  });
  conclude(context, sweep, options, JudgeAtAge<Rule>{rule, history, statistics.data()});
}

/// The best score of a trial that has reached `age`, over 1..age; of one that diverged, whenever it did, the worst.
LOCKSTEP_HD inline double best_at(const HistoryView& history, int64_t trial, int64_t age) {
  // Without a branch, which nothing would predict.
  const TrialState state = history.state[trial];
  const double best = history.best_score[(age - 1) * history.n_trials + trial];
  const bool reached = (state != TrialState::kWaiting) & (history.n_reported[trial] >= age);
  return reached ? (state == TrialState::kDiverged ? kWorstScore : best) : kLeftOut;
}

/// Throws DeviceError when a matrix that the policy reads is not kept.
inline void require_matrix(const double* matrix, const char* policy, const char* name) {
  if (!matrix) throw DeviceError(std::string(policy) + ": the history does not keep " + name + ".");
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
