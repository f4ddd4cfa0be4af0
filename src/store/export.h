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

/// Every report: a header `trial,interval,value` and a line each, by trial and interval: what `lockstep simulate` reads.
/// Values read back to the same bits; those that are not finite are nan, inf and -inf.
std::string curves_csv(const SweepRecord& record, const Reports& reports);

/// The same as a JSON array of objects, hyperparameters as an object with their types; exploits as an array of interval,
/// source and hyperparameters from then on.
nlohmann::ordered_json trials_json(const SweepRecord& record);

/// trial, metric, goal, value, interval, test_metric, hyperparameters (of that interval), seed, n_trials and a note; trial
/// null when no metric was finite. Where any trial took over weights, also exploits, as trials_json has them.
nlohmann::ordered_json best_json(const SweepRecord& record);

/// Writes trials.csv and curves.csv into `folder`, which is made where it is missing. Throws OutputError.
void export_csv(const SweepRecord& record, const Reports& reports, const std::string& folder);

/// Writes one JSON file: `sweep` (as best.json, with name, device and times), `trials` (the columns of trials.csv, with
/// types: number, value, ..., params_NAME, ..., intervals, reason) and `curves` (trial and the values of its intervals,
/// null where not finite). Throws OutputError.
void export_json(const SweepRecord& record, const Reports& reports, const std::string& path);

/// What is said of a sweep beside its trials: its name, what `best_json` has but exploits, device, version of Lockstep,
/// seconds, trial-intervals trained and without a policy.
nlohmann::ordered_json sweep_json(const SweepRecord& record);

/// {name: value} of a trial.
nlohmann::ordered_json hyperparameters_json(const SweepRecord& record, const TrialRecord& trial);

/// JSON text that never fails: bytes that are not UTF-8 are replaced.
std::string json_text(const nlohmann::ordered_json& json, int indent = 2);

/// Writes trials.csv and best.json into the folder of `record`, each whole or not at all. Throws OutputError.
void export_results(const SweepRecord& record);

}  // namespace lockstep
