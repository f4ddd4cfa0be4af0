// The metric history: appends reports and keeps each trial's best and average up to date.
#include "cuda/metrics/history.h"

#include "cuda/common/execution.h"
#include "cuda/metrics/score.h"
#include "cuda/slots/occupied.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

/// A trial's best score and average so far.
struct Standing {
  double best;
  double mean;
};

/// After its first `n` reports and one more.
LOCKSTEP_HD inline Standing after_report(const Standing& before, int64_t n, double score) {
  if (n == 0) return {score, score};
  // Comparisons instead of fmin and fmax, which are calls on a host: no score is a NaN.
  const double best = before.best > score ? before.best : score;
  const double count = static_cast<double>(n + 1);
  // Each part divided on its own: the difference of two finite scores may overflow. No average is above the best,
  // whatever the rounding: a trial alone must never be worse than its own median.
  const double average = before.mean + (score / count - before.mean / count);
  const bool is_worst = (before.mean == kWorstScore) | (score == kWorstScore);
  return {best, is_worst ? kWorstScore : average < best ? average : best};
}

struct RecordReports {
  Goal goal;
  SweepView view;

  LOCKSTEP_HD const SweepView& sweep() const { return view; }

  LOCKSTEP_HD void one(int64_t, int64_t slot) const {
    const int64_t trial = view.slot_trial[slot];
    if (trial < 0) return;
    const HistoryView& history = view.history;
    const int64_t n = history.n_reported[trial];
    // No room for it: the caller's mistake, which must not reach another trial's place.
    if (n >= history.n_intervals) return;
    const double score = score_of(goal, view.metrics[slot]);
    const bool has_mean = history.last_mean != nullptr;
    const Standing now =
        after_report({n > 0 ? history.last_best[trial] : 0, n > 0 && has_mean ? history.last_mean[trial] : 0}, n, score);
    const int64_t at = n * history.n_trials + trial;
    if (history.score) history.score[at] = score;
    if (history.best_score) history.best_score[at] = now.best;
    if (history.mean_score) history.mean_score[at] = now.mean;
    history.last_best[trial] = now.best;
    if (has_mean) history.last_mean[trial] = now.mean;
    history.n_reported[trial] = static_cast<int32_t>(n + 1);
    if (score == kWorstScore) history.state[trial] = TrialState::kDiverged;
  }

  LOCKSTEP_HD void run(int64_t, const SlotRun& run) const {
    const HistoryView& history = view.history;
    const int64_t n = run.n_reported;
    if (n >= history.n_intervals) return;
    // By way of the stack, so that no column may be thought to overlap another.
    double score[kSlotsPerIndex];
    double best[kSlotsPerIndex];
    double mean[kSlotsPerIndex];
    const double* const metrics = view.metrics + run.slot;
    const double* const last_best = history.last_best + run.trial;
    const double* const last_mean = history.last_mean ? history.last_mean + run.trial : nullptr;
    const int64_t* const trials = view.slot_trial + run.slot;
    int64_t n_worst = 0;
    for (int64_t i = 0; i < run.size; ++i) {
      score[i] = score_of(goal, metrics[i]);
      n_worst += (score[i] == kWorstScore) & (trials[i] >= 0) ? 1 : 0;
    }
    if (last_mean) {
      for (int64_t i = 0; i < run.size; ++i) {
        const Standing now = after_report({last_best[i], last_mean[i]}, n, score[i]);
        best[i] = now.best;
        mean[i] = now.mean;
      }
    } else {
      for (int64_t i = 0; i < run.size; ++i) best[i] = after_report({last_best[i], 0}, n, score[i]).best;
    }
    const int64_t at = n * history.n_trials + run.trial;
    write(run, score, history.score ? history.score + at : nullptr);
    write(run, best, history.best_score ? history.best_score + at : nullptr);
    write(run, best, history.last_best + run.trial);
    if (last_mean) {
      write(run, mean, history.mean_score ? history.mean_score + at : nullptr);
      write(run, mean, history.last_mean + run.trial);
    }
    int32_t* const reported = history.n_reported + run.trial;
    for (int64_t i = 0; i < run.size; ++i) reported[i] = trials[i] >= 0 ? static_cast<int32_t>(n + 1) : reported[i];
    if (n_worst == 0) return;
    for (int64_t i = 0; i < run.size; ++i) {
      if ((score[i] == kWorstScore) & (trials[i] >= 0)) history.state[run.trial + i] = TrialState::kDiverged;
    }
  }

  /// Rows that are in none of the run's slots, and perhaps in others, keep what they have.
  LOCKSTEP_HD void write(const SlotRun& run, const double* from, double* to) const {
    if (!to) return;
    if (run.n_empty == 0) {
      for (int64_t i = 0; i < run.size; ++i) to[i] = from[i];
      return;
    }
    const int64_t* const trials = view.slot_trial + run.slot;
    for (int64_t i = 0; i < run.size; ++i) to[i] = trials[i] >= 0 ? from[i] : to[i];
  }
};

}  // namespace

void record_metrics(const Context& context, const SweepView& sweep, const DecideOptions& options) {
  visit_slots(context, OccupiedSlots(sweep, options), RecordReports{options.goal, sweep});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
