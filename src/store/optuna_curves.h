#pragma once

#include <optional>
#include <string>

#include <lockstep/sweep_spec.h>

#include "core/recorded_curves.h"

namespace lockstep {

/// The learning curves of one study in an SQLite file of Optuna, or in a sweep's `sweep.db`, which has the same tables.
struct OptunaCurves {
  std::string study;
  std::optional<Goal> goal;  ///< none for a study with several objectives
  RecordedCurves curves;     ///< by trial number; named by it
  int64_t n_without_curve = 0;  ///< trials that reported no intermediate value: they are left out
};

/// Reads the intermediate values of `study`; "" means the only one. Throws DataError that names the file and the cure:
/// not Optuna's tables, no such study, several of them (their names), no intermediate value, steps with gaps.
OptunaCurves load_optuna_curves(const std::string& path, const std::string& study = "");

}  // namespace lockstep
