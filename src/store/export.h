#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "store/results.h"

namespace lockstep {

/// What belongs beside the best value of `n_trials` on validation data: a sentence.
std::string optimism_note(int64_t n_trials);

/// One line a trial, by number, shaped like Optuna's `trials_dataframe()`: number, value (the best of any interval),
/// state (Optuna's word), datetime_start, datetime_complete, duration, params_NAME..., then intervals and reason; and
/// exploits, their number, where any trial took over weights. Quoted as RFC 4180 has it.
std::string trials_csv(const SweepRecord& record);

/// The same as a JSON array of objects, hyperparameters as an object with their types; exploits as an array of interval,
/// source and hyperparameters from then on.
nlohmann::ordered_json trials_json(const SweepRecord& record);

/// trial, metric, goal, value, interval, test_metric, hyperparameters (of that interval), seed, n_trials and a note; trial
/// null when no metric was finite. Where any trial took over weights, also exploits, as trials_json has them.
nlohmann::ordered_json best_json(const SweepRecord& record);

/// {name: value} of a trial.
nlohmann::ordered_json hyperparameters_json(const SweepRecord& record, const TrialRecord& trial);

/// JSON text that never fails: bytes that are not UTF-8 are replaced.
std::string json_text(const nlohmann::ordered_json& json, int indent = 2);

/// Writes trials.csv and best.json into the folder of `record`, each whole or not at all. Throws OutputError.
void export_results(const SweepRecord& record);

}  // namespace lockstep
