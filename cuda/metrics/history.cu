// The metric history: appends reports and keeps each trial's best and average up to date.
#include "cuda/metrics/history.h"

#include "cuda/common/execution.h"
#include "cuda/metrics/score.h"
#include "cuda/slots/occupied.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

struct RecordSlot {
  Goal goal;
  SweepView sweep;
  OccupiedSlots slots;

  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t slot = slots(i);
    const int64_t trial = sweep.slot_trial[slot];
    if (trial < 0) return;
    const HistoryView& history = sweep.history;
    const int64_t n = history.n_reported[trial];
    // No room for it: the caller's mistake, which must not reach another trial's place.
    if (n >= history.n_intervals) return;
    const double score = score_of(goal, sweep.metrics[slot]);
    double best = score;
    double mean = score;
    if (n > 0) {
      // Comparisons instead of fmin and fmax, which are calls on a host: no score is a NaN.
      const double best_before = history.last_best[trial];
      best = best_before > score ? best_before : score;
      const double before = history.last_mean[trial];
      const double count = static_cast<double>(n + 1);
      // Each part divided on its own: the difference of two finite scores may overflow. No average is above the best,
      // whatever the rounding: a trial alone must never be worse than its own median.
      const double average = before + (score / count - before / count);
      const bool is_worst = (before == kWorstScore) | (score == kWorstScore);
      mean = is_worst ? kWorstScore : average < best ? average : best;
    }
    const int64_t at = n * history.n_trials + trial;
    if (history.score) history.score[at] = score;
    if (history.best_score) history.best_score[at] = best;
    if (history.mean_score) history.mean_score[at] = mean;
    history.last_best[trial] = best;
    history.last_mean[trial] = mean;
    history.n_reported[trial] = static_cast<int32_t>(n + 1);
    if (score == kWorstScore) history.state[trial] = TrialState::kDiverged;
  }
};

}  // namespace

void record_metrics(const Context& context, const SweepView& sweep, const DecideOptions& options) {
  const OccupiedSlots slots(sweep, options);
  for_each_index(context, slots.n, RecordSlot{options.goal, sweep, slots});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
