#pragma once

#include <lockstep/backend.h>

#include "cuda/common/macros.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

/// Gives the i-th free slot to the i-th waiting trial, while there are both: its state becomes running, its configuration
/// that of the slot, and the slot's event, which every free slot has, names it as successor. With `brackets`, a bracket
/// starts when all of it fits.
void refill(const Context&, const SweepView&, const BracketPlan* brackets);

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
