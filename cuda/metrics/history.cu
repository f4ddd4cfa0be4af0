// The metric history: appends reports and keeps each trial's best and average up to date.
#include "cuda/common/algorithms.h"
#include "cuda/common/execution.h"
#include "cuda/metrics/score.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

struct RecordOne {
  Goal goal;
  HistoryView history;
  const int64_t* trials;
  const double* metrics;

  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t trial = trials[i];
    const int64_t n = history.n_reported[trial];
    // No room for it: the caller's mistake, which must not reach another trial's row.
    if (n >= history.n_intervals) return;
    const int64_t at = trial * history.n_intervals + n;
    const double score = score_of(goal, metrics[i]);
    double best = score;
    double mean = score;
    if (n > 0) {
      best = fmax(history.best_score[at - 1], score);
      const double before = history.mean_score[at - 1];
      const double count = static_cast<double>(n + 1);
      // Each part divided on its own: the difference of two finite scores may overflow. No average is above the best,
      // whatever the rounding: a trial alone must never be worse than its own median.
      mean = before == kWorstScore || score == kWorstScore
                 ? kWorstScore
                 : fmin(best, before + (score / count - before / count));
    }
    history.metric[at] = metrics[i];
    history.best_score[at] = best;
    history.mean_score[at] = mean;
    history.n_reported[trial] = static_cast<int32_t>(n + 1);
    if (score == kWorstScore && history.state[trial] == TrialState::kRunning) {
      history.state[trial] = TrialState::kDiverged;
    }
  }
};

}  // namespace

void record_metrics(const Context& context, Goal goal, const HistoryView& history, const int64_t* trials,
                    const double* metrics, int64_t n) {
  for_each_index(context, n, RecordOne{goal, history, trials, metrics});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
