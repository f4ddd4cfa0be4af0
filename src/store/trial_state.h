#pragma once

#include <string>

#include <lockstep/backend.h>

namespace lockstep {

/// Optuna's name of a state: what its tables and our CSV and JSON say. It has one word, FAIL, for every end that gives
/// no value to compare.
const char* optuna_state(TrialState state);

/// Our word: "running", "stopped", "finished", "diverged", "aborted", "failed", "waiting".
const char* state_word(TrialState state);

/// The state from both, as the tables keep it: `word` is "" for a trial that no decision ended.
TrialState parse_state(const std::string& optuna_name, const std::string& word);

}  // namespace lockstep
