// Refill: free slots go to waiting trials, by a scan over the slots.
#include "cuda/slots/refill.h"

#include <thrust/iterator/transform_iterator.h>
#include <thrust/scan.h>

#include "cuda/common/execution.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

struct IsFree {
  LOCKSTEP_HD int64_t operator()(int64_t trial) const { return trial < 0 ? 1 : 0; }
};

/// The rows that start now: [first, end).
struct Starters {
  int64_t first;
  int64_t end;
};

struct CountStarters {
  SweepView sweep;
  BracketPlan brackets;
  const int64_t* place;  ///< [n_slots] free slots before each
  Starters* starters;

  LOCKSTEP_HD void operator()(int64_t) const {
    const int64_t last = sweep.n_slots - 1;
    const int64_t n_free = place[last] + IsFree()(sweep.slot_trial[last]);
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
  const int64_t* place;
  const Starters* starters;

  LOCKSTEP_HD void operator()(int64_t slot) const {
    const int64_t trial = starters->first + place[slot];
    if ((sweep.slot_trial[slot] >= 0) | (trial >= starters->end)) return;
    sweep.slot_trial[slot] = trial;
    sweep.fresh[slot] = 1;
    sweep.events[slot].successor = static_cast<int32_t>(trial);
    sweep.history.state[trial] = TrialState::kRunning;
    for (int64_t param = 0; param < sweep.n_params; ++param) {
      sweep.slot_draws[slot * sweep.n_params + param] = sweep.draws[trial * sweep.n_params + param];
    }
  }
};

}  // namespace

void refill(const Context& context, const SweepView& sweep, const BracketPlan* brackets) {
  if (sweep.n_slots == 0) return;
  const DeviceBuffer<int64_t> place(context, sweep.n_slots);
  const DeviceBuffer<Starters> starters(context, 1);
  ThrustAllocator allocator(context);
  const auto is_free = thrust::make_transform_iterator(static_cast<const int64_t*>(sweep.slot_trial), IsFree());
  thrust::exclusive_scan(thrust_policy(context, allocator), is_free, is_free + sweep.n_slots, place.data(), int64_t{0});
  for_each_index(context, 1,
                 CountStarters{sweep, brackets ? *brackets : BracketPlan(), place.data(), starters.data()});
  for_each_index(context, sweep.n_slots, FillSlot{sweep, place.data(), starters.data()});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
