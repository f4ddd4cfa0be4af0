#pragma once

#include <lockstep/backend.h>

#include "cuda/common/execution.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

/// The slots that may hold a trial: n of them, the i-th by operator(). Every slot, unless the options list them.
struct OccupiedSlots {
  const int64_t* slots;
  int64_t n;

  OccupiedSlots(const SweepView& sweep, const DecideOptions& options)
      : slots(options.occupied), n(options.occupied ? options.n_occupied : sweep.n_slots) {}

  LOCKSTEP_HD int64_t operator()(int64_t i) const { return slots ? slots[i] : i; }
};

/// Neighbouring slots: the i-th has the row trial + i, or nobody. All these have reported as often.
struct SlotRun {
  int64_t slot;
  int64_t trial;
  int64_t size;
  int64_t n_reported;
  int64_t n_empty;
};

/// Slots that one index looks at: on the host many, as trials that are started together make runs, which a host works
/// through as columns.
#ifdef __CUDACC__
constexpr int64_t kSlotsPerIndex = 1;
#else
constexpr int64_t kSlotsPerIndex = 256;
#endif

/// Whether slots [begin, end) of the occupied ones are a run.
LOCKSTEP_HD inline bool find_run(const SweepView& sweep, const OccupiedSlots& slots, int64_t begin, int64_t end,
                                 SlotRun& run) {
  const int64_t size = end - begin;
  const int64_t slot = slots(begin);
  if (size < 2 || slots(end - 1) != slot + size - 1) return false;
  const int64_t* const trials = sweep.slot_trial + slot;
  int64_t first = 0;
  while (first < size && trials[first] < 0) ++first;
  if (first == size) return false;
  const int64_t trial = trials[first] - first;
  if (trial < 0 || trial + size > sweep.history.n_trials) return false;
  const int32_t* const reported = sweep.history.n_reported + trial;
  const int32_t n_reported = reported[first];
  int64_t n_empty = 0;
  int64_t n_others = 0;
  for (int64_t i = 0; i < size; ++i) {
    n_empty += trials[i] < 0 ? 1 : 0;
    n_others += (trials[i] >= 0) & ((trials[i] != trial + i) | (reported[i] != n_reported)) ? 1 : 0;
  }
  run = {slot, trial, size, n_reported, n_empty};
  return n_others == 0;
}

template <class Work>
struct VisitSlots {
  OccupiedSlots slots;
  Work work;

  LOCKSTEP_HD void operator()(int64_t part) const {
    const int64_t begin = part * kSlotsPerIndex;
    const int64_t end = begin + kSlotsPerIndex < slots.n ? begin + kSlotsPerIndex : slots.n;
    SlotRun run;
    if (find_run(work.sweep(), slots, begin, end, run)) return work.run(begin, run);
    for (int64_t i = begin; i < end; ++i) work.one(i, slots(i));
  }
};

/// Visits every occupied slot, in any order: by `work.run(begin, run)` runs that begin at the begin-th of them, and by
/// `work.one(i, slot)` the others. `work.sweep()` is the sweep.
template <class Work>
void visit_slots(const Context& context, const OccupiedSlots& slots, const Work& work) {
  for_each_index(context, (slots.n + kSlotsPerIndex - 1) / kSlotsPerIndex, VisitSlots<Work>{slots, work});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
