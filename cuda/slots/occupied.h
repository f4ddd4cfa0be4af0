#pragma once

#include <lockstep/backend.h>

#include "cuda/common/macros.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

/// The slots that may hold a trial: n of them, the i-th by operator(). Every slot, unless the options list them.
struct OccupiedSlots {
  const int64_t* slots;
  int64_t n;

  OccupiedSlots(const SweepView& sweep, const DecideOptions& options)
      : slots(options.occupied), n(options.occupied ? options.n_occupied : sweep.n_slots) {}

  LOCKSTEP_HD int64_t operator()(int64_t i) const { return slots ? slots[i] : i; }
};

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
