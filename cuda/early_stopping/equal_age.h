#pragma once

#include <thrust/sort.h>

#include <string>
#include <vector>

#include <lockstep/error.h>

#include "cuda/common/algorithms.h"
#include "cuda/common/execution.h"
#include "cuda/metrics/score.h"

/// What the early-termination policies share: trials are judged at the age that each has just reached, against others at
/// that same age.
namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

/// Sorts behind every score: marks a trial that nobody is compared with.
inline constexpr double kLeftOut = kInfinity;

/// Sets a trial's verdict to "not judged" and marks its age among those to compare at.
struct MarkAge {
  Goal goal;
  int64_t evaluation_interval;
  int64_t delay_evaluation;
  HistoryView history;
  const int64_t* trials;
  Verdict* verdicts;
  uint8_t* has_age;  ///< [n_intervals + 1]

  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t age = history.n_reported[trials[i]];
    Verdict verdict;
    if (age > 0) {
      verdict.value = metric_of(goal, history.best_score[trials[i] * history.n_intervals + age - 1]);
      // Trials of one age write the same value here.
      if (age % evaluation_interval == 0 && age >= delay_evaluation) has_age[age] = 1;
    }
    verdicts[i] = verdict;
  }
};

template <class Rule>
struct CollectScore {
  Rule rule;
  HistoryView history;
  int64_t age;
  double* scores;  ///< [n_trials]

  LOCKSTEP_HD void operator()(int64_t trial) const { scores[trial] = rule.score_at(history, trial, age); }
};

/// Judges the trials of one age. `scores` is ascending, with those left out at its end.
template <class Rule>
struct JudgeTrial {
  Rule rule;
  HistoryView history;
  int64_t age;
  const double* scores;
  const int64_t* trials;
  Verdict* verdicts;

  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t trial = trials[i];
    if (history.n_reported[trial] != age) return;
    int64_t n_compared = 0;
    for (int64_t end = history.n_trials; n_compared < end;) {
      const int64_t middle = n_compared + (end - n_compared) / 2;
      if (scores[middle] < kLeftOut) {
        n_compared = middle + 1;
      } else {
        end = middle;
      }
    }
    const bool counts_itself = rule.score_at(history, trial, age) < kLeftOut;
    if (n_compared - (counts_itself ? 1 : 0) == 0) return;
    rule.judge(history.best_score[trial * history.n_intervals + age - 1], scores, n_compared, verdicts[i]);
  }
};

/// Judges each of the `n` trials at its age, as `Backend` documents it for every policy. A `Rule` has, for the device,
///   double score_at(history, trial, age): what `trial` brings to a comparison at that age, or kLeftOut;
///   void judge(best_score, scores, n_compared, verdict): the verdict, whose `value` is set, on a trial with this best
///   score so far, beside the first `n_compared` >= 1 of the ascending `scores`.
template <class Rule>
void judge_at_equal_age(const Context& context, Goal goal, const EarlyTermination& policy, const HistoryView& history,
                        const int64_t* trials, int64_t n, Verdict* verdicts, const Rule& rule) {
  if (policy.evaluation_interval < 1) {
    throw DeviceError("early termination: evaluation_interval is " + std::to_string(policy.evaluation_interval) +
                      "; it must be at least 1.");
  }
  const int64_t n_ages = history.n_intervals + 1;
  const DeviceBuffer<uint8_t> has_age_device(context, n_ages);
  fill_zero(context, has_age_device.data(), n_ages);
  for_each_index(context, n, MarkAge{goal, policy.evaluation_interval, policy.delay_evaluation, history, trials, verdicts,
                                     has_age_device.data()});
  std::vector<uint8_t> has_age(static_cast<size_t>(n_ages));
  copy_to_host(context, has_age.data(), has_age_device.data(), n_ages);

  const DeviceBuffer<double> scores(context, history.n_trials);
  ThrustAllocator allocator(context);
  for (int64_t age = 1; age < n_ages; ++age) {
    if (!has_age[static_cast<size_t>(age)]) continue;
    for_each_index(context, history.n_trials, CollectScore<Rule>{rule, history, age, scores.data()});
    thrust::sort(thrust_policy(context, allocator), scores.data(), scores.data() + history.n_trials);
    for_each_index(context, n, JudgeTrial<Rule>{rule, history, age, scores.data(), trials, verdicts});
  }
}

/// The best score of a trial that has reached `age`, over 1..age; of one that diverged, whenever it did, the worst.
LOCKSTEP_HD inline double best_at(const HistoryView& history, int64_t trial, int64_t age) {
  const TrialState state = history.state[trial];
  if (state == TrialState::kWaiting || history.n_reported[trial] < age) return kLeftOut;
  if (state == TrialState::kDiverged) return kWorstScore;
  return history.best_score[trial * history.n_intervals + age - 1];
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
