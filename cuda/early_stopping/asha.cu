// Asynchronous successive halving (Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht, Talwalkar: A System for
// Massively Parallel Hyperparameter Tuning, MLSys 2020) in its stopping form: a trial is judged once at a rung, when it
// gets there, beside all that have come so far.
#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/transform_iterator.h>
#include <thrust/scan.h>

#include <lockstep/error.h>

#include "cuda/common/algorithms.h"
#include "cuda/early_stopping/equal_age.h"
#include "cuda/slots/brackets.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

/// What a trial had at a rung; kLeftOut: it has not come there.
struct ScoreAtRung {
  HistoryView history;
  int64_t age;

  LOCKSTEP_HD double operator()(int64_t trial) const {
    return history.n_reported[trial] < age ? kLeftOut : history.score[(age - 1) * history.n_trials + trial];
  }
};

/// Of m that have come, the best max(1, m / eta) go on; asks for the last of them.
struct LastKept {
  int64_t eta;

  LOCKSTEP_HD int64_t n_kept(int64_t n_compared) const { return n_compared < eta ? 1 : n_compared / eta; }
  LOCKSTEP_HD RankPair operator()(int64_t n_compared) const {
    const int64_t rank = n_compared - n_kept(n_compared);
    return {rank, rank};
  }
};

/// Counts trials above the threshold and trials that have it, in one number: neither is 2^31 or more.
struct CountBetterAndTied {
  ScoreAtRung score;
  const OrderStatistics* compared;

  LOCKSTEP_HD int64_t operator()(int64_t trial) const {
    const double own = score(trial);
    if (own == kLeftOut || own < compared->upper) return 0;
    return own > compared->upper ? int64_t{1} << 32 : 1;
  }
};

/// Judges those that have just come to the rung.
struct JudgeArrival {
  Goal goal;
  SweepView sweep;
  ScoreAtRung score;
  LastKept last_kept;
  const OrderStatistics* compared;
  const int64_t* counts;  ///< [n_trials] better and tied ones up to each trial, itself included
  Verdict* verdicts;

  LOCKSTEP_HD void operator()(int64_t slot) const {
    const int64_t trial = sweep.slot_trial[slot];
    if (trial < 0 || sweep.history.n_reported[trial] != score.age || compared->n_compared < 2) return;
    const int64_t n_kept = last_kept.n_kept(compared->n_compared);
    const double own = score(trial);
    const int64_t n_better = counts[sweep.history.n_trials - 1] >> 32;
    const int64_t n_tied = counts[trial] & 0xFFFFFFFF;
    Verdict& verdict = verdicts[slot];
    verdict.judged = 1;
    verdict.stop = own < compared->upper || (own == compared->upper && n_better + n_tied > n_kept) ? 1 : 0;
    verdict.value = metric_of(goal, own);
    verdict.threshold = metric_of(goal, compared->upper);
    verdict.n_compared = static_cast<int32_t>(compared->n_compared);
    verdict.n_kept = static_cast<int32_t>(n_kept);
  }
};

struct ClearVerdict {
  Verdict* verdicts;
  LOCKSTEP_HD void operator()(int64_t slot) const { verdicts[slot] = Verdict(); }
};

/// The first rung's interval; a number that no age reaches when it is too large.
int64_t first_rung(const EarlyTermination& policy, int64_t n_intervals) {
  int64_t rung = policy.min_resource;
  for (int64_t i = 0; i < policy.min_early_stopping_rate && rung <= n_intervals; ++i) rung *= policy.reduction_factor;
  return rung;
}

}  // namespace

void asha(const Context& context, const SweepView& sweep, const DecideOptions& options) {
  const EarlyTermination& policy = *options.policy;
  const HistoryView& history = sweep.history;
  require_matrix(history.score, "asha", "score");
  if (policy.reduction_factor < 2 || policy.min_resource < 1) {
    throw DeviceError("asha: reduction_factor must be at least 2, and min_resource at least 1.");
  }
  const int64_t first = first_rung(policy, history.n_intervals);
  const auto is_rung = [&](int64_t age) {
    return rung_at(age, first, policy.reduction_factor, history.n_intervals) >= 0;
  };
  if (!acts_now(options, is_rung)) return conclude(context, sweep, options, KeepAll());

  const LastKept last_kept = {policy.reduction_factor};
  const DeviceBuffer<double> scores(context, history.n_trials);
  const DeviceBuffer<int64_t> counts(context, history.n_trials);
  const DeviceBuffer<OrderStatistics> compared(context, 1);
  const DeviceBuffer<Verdict> verdicts(context, sweep.n_slots);
  ThrustAllocator allocator(context);
  for_each_index(context, sweep.n_slots, ClearVerdict{verdicts.data()});
  for_each_acting_age(options, is_rung, [&](int64_t age) {
    const ScoreAtRung score = {history, age};
    order_statistics(context, history.n_trials, score, last_kept, scores.data(), compared.data());
    const auto counted = thrust::make_transform_iterator(thrust::counting_iterator<int64_t>(0),
                                                         CountBetterAndTied{score, compared.data()});
    thrust::inclusive_scan(thrust_policy(context, allocator), counted, counted + history.n_trials, counts.data());
    for_each_index(context, sweep.n_slots,
                   JudgeArrival{options.goal, sweep, score, last_kept, compared.data(), counts.data(), verdicts.data()});
  });
  conclude(context, sweep, options, TakeVerdict{verdicts.data()});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
