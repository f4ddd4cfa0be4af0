#pragma once

#include <optional>
#include <string>
#include <vector>

#include <lockstep/search_space.h>
#include <lockstep/sweep_spec.h>

#include "store/imported_sweep.h"

namespace lockstep {

struct CsvImportOptions {
  Goal goal = Goal::kMinimize;
  /// The metric's name, and its column where there is one of that name; else the column is `value`. "": value.
  std::string metric = {};
  /// Columns that are hyperparameters; none: those whose names begin with params_, and without such all that mean nothing
  /// else.
  std::vector<std::string> parameters = {};
  /// The distributions; nullopt: from the values, integers and reals as ranges from the least to the greatest, anything
  /// else as a choice of what stands there.
  std::optional<SearchSpace> space = std::nullopt;
  std::string curves = {};  ///< CSV of reports (trial, interval, value); "": a trial's only report is its value
};

/// Reads a table of trials as a sweep: a header, then a line a trial, quoted as RFC 4180 has it. Columns that mean
/// something: the metric's, `number` (0, 1, ... by line without), `state` (Optuna's words or ours; COMPLETE without),
/// `datetime_start`, `datetime_complete` (UTC), `reason`; and hyperparameters, with params_ before their names or without.
/// Left out, with their lines, are rows without a value (unless their state says that they have none), a hyperparameter
/// or a number of their own, or with a state or a value that means nothing.
/// Throws DataError that names file, line and cure: no such column, one that is there twice, no row left.
ImportedSweep import_trials_csv(const std::string& path, const CsvImportOptions& options);

}  // namespace lockstep
