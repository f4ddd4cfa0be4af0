#pragma once

#include "cuda/common/execution.h"
#include "cuda/metrics/score.h"
#include "cuda/slots/occupied.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

LOCKSTEP_HD inline bool goes_on(Decision decision) {
  return decision == Decision::kContinue || decision == Decision::kExploit;
}

LOCKSTEP_HD inline TrialState state_after(Decision decision) {
  switch (decision) {
    case Decision::kContinue:
    case Decision::kExploit:
      return TrialState::kRunning;
    case Decision::kStop:
      return TrialState::kStopped;
    case Decision::kFinish:
      return TrialState::kFinished;
    case Decision::kDiverge:
      return TrialState::kDiverged;
    case Decision::kAbort:
      return TrialState::kAborted;
  }
  return TrialState::kAborted;
}

/// Ends the interval of one slot: writes its event, its trial's state, and empties it when the trial does not go on.
template <class Rule>
struct ConcludeSlot {
  Goal goal;
  SweepView sweep;
  OccupiedSlots slots;
  int64_t abort_below;
  Rule rule;

  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t slot = slots(i);
    Event event;
    const int64_t trial = sweep.slot_trial[slot];
    if (trial >= 0) {
      const HistoryView& history = sweep.history;
      event.trial = static_cast<int32_t>(trial);
      event.interval = history.n_reported[trial];
      event.metric = sweep.metrics[slot];
      event.verdict.value = metric_of(goal, history.last_best[trial]);
      if (history.state[trial] == TrialState::kDiverged) {
        event.decision = Decision::kDiverge;
      } else if (event.interval >= sweep.n_intervals[trial]) {
        event.decision = Decision::kFinish;
      } else {
        rule(slot, event);
        if (trial < abort_below && goes_on(event.decision)) event.decision = Decision::kAbort;
      }
      if (goes_on(event.decision)) {
        event.successor = event.trial;
      } else {
        sweep.slot_trial[slot] = -1;
      }
      history.state[trial] = state_after(event.decision);
    }
    sweep.metrics[slot] = kNaN;
    sweep.fresh[slot] = 0;
    sweep.events[slot] = event;
  }
};

/// Concludes the interval of every slot. `rule(slot, event)`, for the device, judges a trial that would go on: it sets
/// `verdict`, and `decision` where that is not kContinue. Trial, interval and metric are set, and `verdict.value` to the
/// trial's best so far. It may read nothing of other trials' states or slots, which change as this runs: whatever hangs on
/// others is to be computed before.
template <class Rule>
void conclude(const Context& context, const SweepView& sweep, const DecideOptions& options, const Rule& rule) {
  const OccupiedSlots slots(sweep, options);
  for_each_index(context, slots.n, ConcludeSlot<Rule>{options.goal, sweep, slots, options.abort_below, rule});
}

/// The rule of a policy that stops nobody, or does not act now.
struct KeepAll {
  LOCKSTEP_HD void operator()(int64_t, Event&) const {}
};

/// The rule of a policy that has judged every slot's trial before.
struct TakeVerdict {
  const Verdict* verdicts;  ///< [n_slots]

  LOCKSTEP_HD void operator()(int64_t slot, Event& event) const {
    if (!verdicts[slot].judged) return;
    event.verdict = verdicts[slot];
    if (event.verdict.stop) event.decision = Decision::kStop;
  }
};

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
