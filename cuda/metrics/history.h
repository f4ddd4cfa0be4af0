#pragma once

#include <lockstep/backend.h>

#include "cuda/common/macros.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

/// Appends the report of each slot's trial to the history. A metric that is not finite turns the trial's state to
/// diverged. A report beyond the history's capacity is not recorded.
void record_metrics(const Context&, const SweepView&, const DecideOptions&);

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
