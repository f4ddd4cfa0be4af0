#pragma once

#include "cuda/common/execution.h"
#include "cuda/metrics/score.h"
#include "cuda/slots/log.h"
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

/// What becomes of the trial in a slot, of one that has reported.
template <class Rule>
struct DecideSlot {
  Goal goal;
  SweepView sweep;
  int64_t abort_below;
  Rule rule;

  LOCKSTEP_HD Event operator()(int64_t slot, int64_t trial, int64_t interval, double metric) const {
    const HistoryView& history = sweep.history;
    Event event;
    event.slot = static_cast<int32_t>(slot);
    event.trial = static_cast<int32_t>(trial);
    event.interval = static_cast<int32_t>(interval);
    event.metric = metric;
    event.verdict.value = metric_of(goal, history.last_best[trial]);
    if (!is_finite(metric)) {
      event.decision = Decision::kDiverge;
    } else if (event.interval >= sweep.n_intervals[trial]) {
      event.decision = Decision::kFinish;
    } else {
      rule(slot, event);
      if (trial < abort_below && goes_on(event.decision)) event.decision = Decision::kAbort;
    }
    if (goes_on(event.decision)) event.successor = event.trial;
    return event;
  }
};

/// Marks the slots that the log has an event of, and takes the metrics off.
template <class Rule>
struct MarkSlots {
  DecideSlot<Rule> decide;
  bool is_empty_logged;
  bool is_everyone_logged;
  uint8_t* is_logged;  ///< by occupied slot

  LOCKSTEP_HD const SweepView& sweep() const { return decide.sweep; }

  LOCKSTEP_HD void one(int64_t i, int64_t slot) const {
    const int64_t trial = sweep().slot_trial[slot];
    const double metric = sweep().metrics[slot];
    sweep().metrics[slot] = kNaN;
    sweep().reported[slot] = metric;
    bool logged = is_empty_logged;
    if (trial >= 0) logged = has_event(decide(slot, trial, sweep().history.n_reported[trial], metric));
    is_logged[i] = logged ? 1 : 0;
  }

  LOCKSTEP_HD void run(int64_t begin, const SlotRun& run) const {
    // By way of the stack, so that no column may be thought to overlap another.
    double metric[kSlotsPerIndex];
    uint8_t logged[kSlotsPerIndex];
    for (int64_t i = 0; i < run.size; ++i) metric[i] = sweep().metrics[run.slot + i];
    for (int64_t i = 0; i < run.size; ++i) sweep().reported[run.slot + i] = metric[i];
    for (int64_t i = 0; i < run.size; ++i) sweep().metrics[run.slot + i] = kNaN;
    const auto changes = decide.rule.at(run.n_reported);
    if (changes.is_known) {
      // Without a branch, so that it is done in vector registers.
      const double* const best = sweep().history.last_best + run.trial;
      const int32_t* const n_intervals = sweep().n_intervals + run.trial;
      const int64_t n_aborted = decide.abort_below - run.trial;
      for (int64_t i = 0; i < run.size; ++i) {
        logged[i] = is_everyone_logged | !is_finite(metric[i]) | (run.n_reported >= n_intervals[i]) | (i < n_aborted) |
                            changes(run.slot + i, best[i])
                        ? 1
                        : 0;
      }
    } else {
      for (int64_t i = 0; i < run.size; ++i) {
        logged[i] = has_event(decide(run.slot + i, run.trial + i, run.n_reported, metric[i])) ? 1 : 0;
      }
    }
    if (run.n_empty > 0) {
      for (int64_t i = 0; i < run.size; ++i) {
        logged[i] = sweep().slot_trial[run.slot + i] >= 0 ? logged[i] : is_empty_logged ? 1 : 0;
      }
    }
    for (int64_t i = 0; i < run.size; ++i) is_logged[begin + i] = logged[i];
  }

  LOCKSTEP_HD bool has_event(const Event& event) const {
    return is_everyone_logged | (event.decision != Decision::kContinue) | (event.verdict.is_undefined != 0);
  }
};

/// Writes the event of a slot that has one, its trial's state, and empties it when the trial does not go on.
template <class Rule>
struct ConcludeSlot {
  DecideSlot<Rule> decide;
  OccupiedSlots slots;
  const int64_t* logged;  ///< [n_events] which of the slots

  LOCKSTEP_HD void operator()(int64_t place) const {
    const SweepView& sweep = decide.sweep;
    const int64_t slot = slots(logged[place]);
    const int64_t trial = sweep.slot_trial[slot];
    Event event;
    event.slot = static_cast<int32_t>(slot);
    if (trial >= 0) {
      event = decide(slot, trial, sweep.history.n_reported[trial], sweep.reported[slot]);
      if (!goes_on(event.decision)) sweep.slot_trial[slot] = -1;
      sweep.history.state[trial] = state_after(event.decision);
    }
    sweep.events[place] = event;
  }
};

/// Concludes the interval of every slot. `rule(slot, event)`, for the device, judges a trial that would go on: it sets
/// `verdict`, and `decision` where that is not kContinue. Trial, interval and metric are set, and `verdict.value` to the
/// trial's best so far. `rule.at(interval)` says the same of many trials at once, if `is_known`: by (slot, best score)
/// whether a trial gets an event by the rule. A rule is called twice of a trial that gets an event, and may read nothing of
/// other trials' states or slots, which change as this runs, nor of its own state: whatever hangs on these is to be
/// computed before.
template <class Rule>
void conclude(const Context& context, const SweepView& sweep, const DecideOptions& options, const Rule& rule) {
  const OccupiedSlots slots(sweep, options);
  const DeviceBuffer<uint8_t> is_logged(context, sweep.n_slots);
  const DeviceBuffer<int64_t> logged(context, sweep.n_slots);
  const DecideSlot<Rule> decide = {options.goal, sweep, options.abort_below, rule};
  visit_slots(context, slots,
              MarkSlots<Rule>{decide, !options.is_queue_empty, options.log_everyone, is_logged.data()});
  list_marked(context, is_logged.data(), slots.n, logged.data(), sweep.n_events);
  for_each_event(context, sweep, ConcludeSlot<Rule>{decide, slots, logged.data()});
}

/// The rule of a policy that stops nobody, or does not act now.
struct KeepAll {
  struct Changes {
    bool is_known = true;
    LOCKSTEP_HD bool operator()(int64_t, double) const { return false; }
  };
  LOCKSTEP_HD void operator()(int64_t, Event&) const {}
  LOCKSTEP_HD Changes at(int64_t) const { return {}; }
};

/// The rule of a policy that has judged every slot's trial before.
struct TakeVerdict {
  struct Changes {
    const Verdict* verdicts;
    bool is_known = true;
    LOCKSTEP_HD bool operator()(int64_t slot, double) const { return verdicts[slot].stop != 0; }
  };

  const Verdict* verdicts;  ///< [n_slots]

  LOCKSTEP_HD Changes at(int64_t) const { return {verdicts}; }
  LOCKSTEP_HD void operator()(int64_t slot, Event& event) const {
    if (!verdicts[slot].judged) return;
    event.verdict = verdicts[slot];
    if (event.verdict.stop) event.decision = Decision::kStop;
  }
};

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
