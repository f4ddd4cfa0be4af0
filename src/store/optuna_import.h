#pragma once

#include <string>

#include "store/imported_sweep.h"

namespace lockstep {

/// Reads a study from an SQLite file of Optuna (3 or later; also a `sweep.db` or an `optuna.db` of ours) as a sweep.
///
/// The search space is that of `lockstep:search_space` where the study has it, else made of the trials' distributions: the
/// hyperparameters that every trial with a value has, each with a range that holds those of all trials. COMPLETE is
/// finished, PRUNED stopped, FAIL diverged where the last report is not finite and failed otherwise, RUNNING aborted. A
/// trial's reports are its intermediate values, numbered 1, 2, ... in the order of their steps; its only report is its
/// value where it has none. Left out are trials that were waiting, that lack a hyperparameter, or whose value for one is
/// none of its distribution; and all intermediate values where they are not of the objective: where a complete trial's
/// value is none of them.
/// Throws DataError that names the file and the cure: not Optuna's tables, no such study, several of them, several
/// objectives, no trial left.
ImportedSweep import_optuna_study(const std::string& path, const std::string& study = "");

}  // namespace lockstep
