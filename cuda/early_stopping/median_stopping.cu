// Median stopping (Golovin et al.: Google Vizier, KDD 2017, section 3.2.2, as Azure ML states it): a trial stops when its
// best so far is strictly worse than the median of the other trials' running averages.
#include <thrust/sort.h>

#include <string>
#include <vector>

#include <lockstep/error.h>

#include "cuda/common/algorithms.h"
#include "cuda/common/execution.h"
#include "cuda/metrics/score.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

/// Sorts behind every score: marks a trial that nobody is compared with.
constexpr double kLeftOut = kInfinity;

LOCKSTEP_HD bool has_ended(TrialState state) {
  return state != TrialState::kWaiting && state != TrialState::kRunning;
}

/// The average that trial `trial` brings to a comparison at interval `age`, or kLeftOut.
LOCKSTEP_HD double average_at(const HistoryView& history, MedianReference reference, int64_t trial, int64_t age) {
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

/// Sets a trial's verdict to "not judged" and marks its age among those to compare at.
struct MarkAge {
  Goal goal;
  EarlyTermination policy;
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
      if (age % policy.evaluation_interval == 0 && age >= policy.delay_evaluation) has_age[age] = 1;
    }
    verdicts[i] = verdict;
  }
};

struct CollectAverage {
  MedianReference reference;
  HistoryView history;
  int64_t age;
  double* averages;  ///< [n_trials]

  LOCKSTEP_HD void operator()(int64_t trial) const { averages[trial] = average_at(history, reference, trial, age); }
};

/// The median of the first `n` of the ascending `scores`.
LOCKSTEP_HD double median_of_sorted(const double* scores, int64_t n) {
  const double upper = scores[n / 2];
  if (n % 2 == 1) return upper;
  const double lower = scores[n / 2 - 1];
  // Equal ones give themselves, exactly; halves first, as the sum may overflow.
  return lower == upper ? lower : 0.5 * lower + 0.5 * upper;
}

/// Judges the trials of one age. `averages` is ascending, with those left out at its end.
struct Judge {
  Goal goal;
  MedianReference reference;
  HistoryView history;
  int64_t age;
  const double* averages;
  const int64_t* trials;
  Verdict* verdicts;

  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t trial = trials[i];
    if (history.n_reported[trial] != age) return;
    int64_t n_compared = 0;
    for (int64_t end = history.n_trials; n_compared < end;) {
      const int64_t middle = n_compared + (end - n_compared) / 2;
      if (averages[middle] < kLeftOut) {
        n_compared = middle + 1;
      } else {
        end = middle;
      }
    }
    const bool counts_itself = average_at(history, reference, trial, age) < kLeftOut;
    if (n_compared - (counts_itself ? 1 : 0) == 0) return;
    const double median = median_of_sorted(averages, n_compared);
    verdicts[i].judged = 1;
    verdicts[i].stop = history.best_score[trial * history.n_intervals + age - 1] < median ? 1 : 0;
    verdicts[i].threshold = metric_of(goal, median);
  }
};

}  // namespace

void median_stopping(const Context& context, Goal goal, const EarlyTermination& policy, const HistoryView& history,
                     const int64_t* trials, int64_t n, Verdict* verdicts) {
  if (n <= 0) return;
  if (policy.evaluation_interval < 1) {
    throw DeviceError("median_stopping: evaluation_interval is " + std::to_string(policy.evaluation_interval) +
                      "; it must be at least 1.");
  }
  const int64_t n_ages = history.n_intervals + 1;
  const DeviceBuffer<uint8_t> has_age_device(context, n_ages);
  fill_zero(context, has_age_device.data(), n_ages);
  for_each_index(context, n, MarkAge{goal, policy, history, trials, verdicts, has_age_device.data()});
  std::vector<uint8_t> has_age(static_cast<size_t>(n_ages));
  copy_to_host(context, has_age.data(), has_age_device.data(), n_ages);

  const DeviceBuffer<double> averages(context, history.n_trials);
  ThrustAllocator allocator(context);
  for (int64_t age = 1; age < n_ages; ++age) {
    if (!has_age[static_cast<size_t>(age)]) continue;
    for_each_index(context, history.n_trials, CollectAverage{policy.reference, history, age, averages.data()});
    thrust::sort(thrust_policy(context, allocator), averages.data(),
                 averages.data() + history.n_trials);
    for_each_index(context, n,
                   Judge{goal, policy.reference, history, age, averages.data(), trials, verdicts});
  }
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
