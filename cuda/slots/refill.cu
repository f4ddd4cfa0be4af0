// Refill: free slots go to waiting trials, by a scan over the log, which has an event of each.
#include "cuda/slots/refill.h"

#include <thrust/iterator/transform_iterator.h>
#include <thrust/scan.h>

#include "cuda/common/execution.h"
#include "cuda/slots/log.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

/// Whether the slot of the event at a place of the log is free, as a number; 0 beyond the log.
struct IsFree {
  SweepView sweep;
  LOCKSTEP_HD int64_t operator()(int64_t place) const {
    return place < *sweep.n_events && sweep.events[place].successor < 0 ? 1 : 0;
  }
};

/// The rows that start now: [first, end).
struct Starters {
  int64_t first;
  int64_t end;
};

struct CountStarters {
  SweepView sweep;
  BracketPlan brackets;
  const int64_t* n_free_until;  ///< [n_places] free slots up to each place of the log, itself included
  int64_t n_places;
  Starters* starters;

  LOCKSTEP_HD void operator()(int64_t) const {
    const int64_t n_free = n_places > 0 ? n_free_until[n_places - 1] : 0;
    const int64_t first = sweep.next_trial[0];
    const int64_t n_waiting = sweep.history.n_trials - first;
    int64_t end = first + (n_free < n_waiting ? n_free : n_waiting);
    if (brackets.n_kinds > 0) end = end_of_brackets(first, end);
    *starters = {first, end};
    sweep.next_trial[0] = end;
  }

  /// The end of the last whole bracket in [first, end), where `first` begins one; `first` when there is none.
  LOCKSTEP_HD int64_t end_of_brackets(int64_t first, int64_t end) const {
    int64_t cycle = 0;
    for (int64_t kind = 0; kind < brackets.n_kinds; ++kind) cycle += brackets.size[kind];
    int64_t kind = 0;
    for (int64_t into = first % cycle; into > 0; ++kind) into -= brackets.size[kind];
    int64_t reached = first + (end - first) / cycle * cycle;
    // Less than a cycle is left; the sweep may cut its last bracket short.
    for (;; kind = (kind + 1) % brackets.n_kinds) {
      const int64_t whole = reached + brackets.size[kind];
      const int64_t next = whole < brackets.n_trials ? whole : brackets.n_trials;
      if (next > end || reached == next) return reached;
      reached = next;
    }
  }
};

struct FillSlot {
  SweepView sweep;
  const int64_t* n_free_until;
  const Starters* starters;

  LOCKSTEP_HD void operator()(int64_t place) const {
    const int64_t trial = starters->first + n_free_until[place] - 1;
    Event& event = sweep.events[place];
    if (event.successor >= 0 || trial >= starters->end) return;
    const int64_t slot = event.slot;
    sweep.slot_trial[slot] = trial;
    event.successor = static_cast<int32_t>(trial);
    sweep.history.state[trial] = TrialState::kRunning;
    for (int64_t param = 0; param < sweep.n_params; ++param) {
      sweep.slot_draws[slot * sweep.n_params + param] = sweep.draws[trial * sweep.n_params + param];
    }
  }
};

}  // namespace

void refill(const Context& context, const SweepView& sweep, const BracketPlan* brackets) {
  if (sweep.n_slots == 0) return;
  const DeviceBuffer<int64_t> n_free_until(context, sweep.n_slots);
  const DeviceBuffer<Starters> starters(context, 1);
  ThrustAllocator allocator(context);
  const int64_t n = n_places(sweep);
  const auto is_free = thrust::make_transform_iterator(thrust::counting_iterator<int64_t>(0), IsFree{sweep});
  thrust::inclusive_scan(thrust_policy(context, allocator), is_free, is_free + n, n_free_until.data());
  for_each_index(context, 1,
                 CountStarters{sweep, brackets ? *brackets : BracketPlan(), n_free_until.data(), n, starters.data()});
  for_each_event(context, sweep, FillSlot{sweep, n_free_until.data(), starters.data()});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
