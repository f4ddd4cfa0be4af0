#pragma once

#include <cstdint>

#include <lockstep/brackets.h>
#include <lockstep/search_space.h>
#include <lockstep/sweep_spec.h>

/// The decision pass: what a sweep keeps in device memory, and what is decided over it once an interval
/// (`Backend::decide`). Trials are named by *row* here, 0 the sweep's first; a *slot* is a logical place for one trial.
namespace lockstep {

enum class TrialState : uint8_t {
  kWaiting,   ///< not started yet
  kRunning,
  kStopped,   ///< by the early-termination policy
  kFinished,  ///< trained to its end
  kDiverged,  ///< reported a metric that is not finite
  kAborted,   ///< running when a limit or Ctrl-C ended it
  kFailed,    ///< its program ended with an error
};

/// The metric history of a sweep, in the context's device memory. A *score* is the metric turned so that higher is better
/// (negated when minimising) and -inf when it is not finite; a running average that has seen such a metric is -inf too.
/// Matrices are [n_intervals, n_trials] row-major: row n-1 is everyone at interval n. One that the policy does not read is
/// null and not kept.
struct HistoryView {
  int64_t n_trials = 0;
  int64_t n_intervals = 0;        ///< capacity
  double* score = nullptr;        ///< score at n
  double* best_score = nullptr;   ///< best score over 1..n
  double* mean_score = nullptr;   ///< average score over 1..n
  double* last_best = nullptr;    ///< [n_trials] best score so far
  double* last_mean = nullptr;    ///< [n_trials] average score so far; of one that ended, its last; kept with mean_score
  int32_t* n_reported = nullptr;  ///< [n_trials] intervals reported so far
  TrialState* state = nullptr;    ///< [n_trials]
};

/// What a policy said of one trial at one interval.
struct Verdict {
  uint8_t stop = 0;
  uint8_t judged = 0;      ///< the policy acted (interval and delay allow it, and there was somebody to compare with)
  uint8_t is_undefined = 0;  ///< bandit's slack_factor only: the best is not above 0, which a ratio means nothing for
  double value = 0;        ///< what was compared, in the metric's own sign
  double threshold = 0;    ///< what it was compared with, in the metric's own sign
  double best = 0;         ///< bandit only: the best of those compared, in the metric's own sign
  /// At a rung and under PBT: how many were compared, and how many of them are the best that go on (PBT: that keep their
  /// weights). The threshold is what the last of these has.
  int32_t n_compared = 0;
  int32_t n_kept = 0;
};

/// What becomes of a trial after an interval.
enum class Decision : uint8_t {
  kContinue,
  kStop,     ///< by the policy
  kFinish,   ///< that was its last interval
  kDiverge,  ///< its metric is not finite
  kAbort,    ///< a limit or Ctrl-C
  kExploit,  ///< it goes on with another trial's weights and a new configuration
};

/// What one slot's trial reported at an interval, what was decided and why: one line of the log.
struct Event {
  int32_t trial = -1;      ///< row; -1: the slot was empty
  int32_t interval = 0;    ///< it has just reported, from 1
  int32_t source = -1;     ///< kExploit: the row whose weights it takes over
  int32_t successor = -1;  ///< row that has the slot from now on: `trial` itself when it goes on, a newcomer, or -1
  double metric = 0;       ///< as reported
  Verdict verdict;         ///< `value` is the trial's best so far, also where nothing was judged
  Decision decision = Decision::kContinue;
  int32_t slot = -1;
};

/// Everything that a sweep's decisions read and write. Memory of the context's device.
struct SweepView {
  HistoryView history;
  int64_t first_trial = 0;               ///< id of row 0: what is random is keyed by ids
  const int32_t* n_intervals = nullptr;  ///< [n_trials] intervals that each trains for if nothing stops it
  int64_t n_slots = 0;
  int64_t* slot_trial = nullptr;  ///< [n_slots] row in the slot, or -1
  /// [n_slots] what the trials have just reported, written by the executor. NaN after the decision, so that a trial
  /// which an executor forgets is seen to diverge and not to repeat itself.
  double* metrics = nullptr;
  double* reported = nullptr;     ///< [n_slots] log: the metric of each trial that was in a slot
  int64_t* next_trial = nullptr;  ///< [1] first row that waits
  int64_t n_params = 0;
  double* draws = nullptr;       ///< [n_trials, n_params] configurations, sampled ahead; an exploit rewrites a row
  double* slot_draws = nullptr;  ///< [n_slots, n_params] configuration of the trial in each slot; as `draws`
  /// Log: the first `n_events` [1] of [n_slots], by ascending slot. Of the slots whose trial does not simply go on as it
  /// is, and, while trials wait, of empty ones, with who comes. Who is not there has reported, and goes on.
  Event* events = nullptr;
  int64_t* n_events = nullptr;
  // Of policies that explore configurations; null otherwise.
  const DistributionSpec* specs = nullptr;  ///< [n_params]
  const uint8_t* changeable = nullptr;      ///< [n_params] 0: structural, fixed for the trial's life
  const int32_t* cohort = nullptr;          ///< [n_trials] trials of one cohort can take over each other's weights
};

/// How to decide: host values, constant or known to the host from the log that it has already read.
struct DecideOptions {
  Goal goal = Goal::kMaximize;
  const EarlyTermination* policy = nullptr;
  const BracketPlan* brackets = nullptr;  ///< start trials by whole brackets; null: one by one
  const int64_t* ages = nullptr;  ///< [n_ages] host: the distinct intervals that trials in slots have just reached
  int64_t n_ages = 0;             ///< 0: the slots are empty, and this is the first filling
  /// Rows below this that would go on are ended with kAbort by limits.trial_timeout: a prefix, as trials start in row
  /// order.
  int64_t abort_below = 0;
  bool is_queue_empty = false;  ///< everybody has started, so no slot is looked at for somebody new
  bool log_everyone = false;    ///< trials that simply go on have an event too, with their verdict
  /// [n_occupied] in device memory: the slots to conclude, ascending, when the others have no trial and will get none.
  /// Null: all.
  const int64_t* occupied = nullptr;
  int64_t n_occupied = 0;
};

}  // namespace lockstep
