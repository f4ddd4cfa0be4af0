// Successive halving (Jamieson and Talwalkar: Non-stochastic Best Arm Identification and Hyperparameter Optimization,
// AISTATS 2016), in brackets whose trials reach a rung together; with several kinds of brackets Hyperband (Li, Jamieson,
// DeSalvo, Rostamizadeh, Talwalkar: JMLR 18, 2018).
#include <lockstep/error.h>

#include "cuda/common/algorithms.h"
#include "cuda/early_stopping/group_ranking.h"
#include "cuda/early_stopping/policies.h"
#include "cuda/slots/brackets.h"
#include "cuda/slots/conclude.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

/// Who of a bracket stands at a rung.
struct RungGroups {
  BracketPlan plan;
  int64_t n_ages;

  /// The group of a trial at `age`: its bracket and the rung; kNoGroup: there is none.
  LOCKSTEP_HD int64_t group_of(int64_t trial, int64_t age) const {
    const Bracket bracket = bracket_of(plan, trial);
    return rung_number(bracket, age) < 0 ? kNoGroup : bracket.first * n_ages + age;
  }
  LOCKSTEP_HD int64_t rung_number(const Bracket& bracket, int64_t age) const {
    return rung_at(age, plan.first_rung[bracket.kind], plan.reduction_factor, plan.n_rungs[bracket.kind]);
  }
  /// All but the best of the `n` that are there end.
  LOCKSTEP_HD GroupCuts operator()(int64_t n, const Contestant& one) const {
    const Bracket bracket = bracket_of(plan, one.trial);
    const int64_t n_kept =
        survivors(bracket.n_trials, plan.reduction_factor, rung_number(bracket, one.group % n_ages));
    return {0, n_kept < n ? n - n_kept : 0};
  }
};

struct EnterRung {
  Goal goal;
  SweepView sweep;
  RungGroups groups;
  Contestant* contestants;

  LOCKSTEP_HD void operator()(int64_t slot) const {
    const int64_t trial = sweep.slot_trial[slot];
    Contestant one = {kNoGroup, kWorstScore, static_cast<int32_t>(trial), static_cast<int32_t>(slot)};
    if (trial >= 0) {
      one.group = groups.group_of(trial, sweep.history.n_reported[trial]);
      one.score = score_of(goal, sweep.metrics[slot]);
    }
    contestants[slot] = one;
  }
};

struct JudgeAtRung {
  Goal goal;
  const Contestant* contestants;
  const GroupSpan* spans;
  Verdict* verdicts;

  LOCKSTEP_HD void operator()(int64_t i) const {
    const Contestant& one = contestants[i];
    const GroupSpan span = spans[i];
    Verdict verdict;
    if (span.n > 1) {
      const int64_t n_kept = span.n - span.n_worst;
      verdict.judged = 1;
      verdict.stop = i - span.first >= n_kept ? 1 : 0;
      verdict.value = metric_of(goal, one.score);
      verdict.threshold = metric_of(goal, contestants[span.first + n_kept - 1].score);
      verdict.n_compared = static_cast<int32_t>(span.n);
      verdict.n_kept = static_cast<int32_t>(n_kept);
    }
    verdicts[one.slot] = verdict;
  }
};

}  // namespace

void successive_halving(const Context& context, const SweepView& sweep, const DecideOptions& options) {
  if (!options.brackets || options.brackets->n_kinds < 1) throw DeviceError("successive halving: there are no brackets.");
  const BracketPlan& plan = *options.brackets;
  if (plan.reduction_factor < 2) throw DeviceError("successive halving: reduction_factor must be at least 2.");
  const auto is_rung = [&plan](int64_t age) {
    for (int64_t kind = 0; kind < plan.n_kinds; ++kind) {
      if (rung_at(age, plan.first_rung[kind], plan.reduction_factor, plan.n_rungs[kind]) >= 0) return true;
    }
    return false;
  };
  if (!acts_now(options, is_rung)) return conclude(context, sweep, options, KeepAll());

  const RungGroups groups = {plan, sweep.history.n_intervals + 1};
  const DeviceBuffer<Contestant> contestants(context, sweep.n_slots);
  const DeviceBuffer<GroupSpan> spans(context, sweep.n_slots);
  const DeviceBuffer<Verdict> verdicts(context, sweep.n_slots);
  for_each_index(context, sweep.n_slots, EnterRung{options.goal, sweep, groups, contestants.data()});
  rank_groups(context, contestants.data(), spans.data(), sweep.n_slots, groups);
  for_each_index(context, sweep.n_slots,
                 JudgeAtRung{options.goal, contestants.data(), spans.data(), verdicts.data()});
  conclude(context, sweep, options, TakeVerdict{verdicts.data()});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
