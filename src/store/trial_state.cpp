#include "store/trial_state.h"

namespace lockstep {

const char* optuna_state(TrialState state) {
  switch (state) {
    case TrialState::kWaiting: return "WAITING";
    case TrialState::kRunning: return "RUNNING";
    case TrialState::kStopped: return "PRUNED";
    case TrialState::kFinished: return "COMPLETE";
    case TrialState::kDiverged:
    case TrialState::kAborted:
    case TrialState::kFailed: return "FAIL";
  }
  return "FAIL";
}

const char* state_word(TrialState state) {
  switch (state) {
    case TrialState::kWaiting: return "waiting";
    case TrialState::kRunning: return "running";
    case TrialState::kStopped: return "stopped";
    case TrialState::kFinished: return "finished";
    case TrialState::kDiverged: return "diverged";
    case TrialState::kAborted: return "aborted";
    case TrialState::kFailed: return "failed";
  }
  return "aborted";
}

TrialState parse_state(const std::string& optuna_name, const std::string& word) {
  for (const TrialState state :
       {TrialState::kStopped, TrialState::kFinished, TrialState::kDiverged, TrialState::kAborted, TrialState::kFailed}) {
    if (word == state_word(state)) return state;
  }
  // Without a decision: under way, or cut off by a failure of the whole sweep.
  return optuna_name == "FAIL" ? TrialState::kAborted : TrialState::kRunning;
}

}  // namespace lockstep
