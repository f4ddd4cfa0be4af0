#pragma once

#include <lockstep/decision.h>

namespace lockstep {

/// Whether a trial that ended so says that its configuration does not work, whatever it reported before.
inline bool has_failed(TrialState state) {
  return state == TrialState::kDiverged || state == TrialState::kFailed;
}

}  // namespace lockstep
