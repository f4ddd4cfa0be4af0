#pragma once

#include <string>

#include "store/results.h"

namespace lockstep {

/// Writes a sweep as a study of Optuna's into the SQLite file `path`, whole or not at all; a file that is there is
/// replaced. Beside `sweep.db`, which Optuna opens as well, it has neither our tables nor a log, a trial's
/// hyperparameters are those of its best interval, ranges hold every draw (so `study.add_trials` and
/// `optuna.copy_study` take the trials), and user attributes say what Optuna has no place for: of the study
/// `lockstep:search_space` and `lockstep:sweep`, of a trial `lockstep:state`, `lockstep:interval` and `lockstep:reason`.
/// Throws OutputError.
void export_optuna(const SweepRecord& record, const Reports& reports, const std::string& path);

}  // namespace lockstep
