#pragma once

#include <string>
#include <vector>

#include <lockstep/sweep_spec.h>

#include "models/data/prepare.h"

namespace lockstep::models {

/// A data set as a sweep's `trial:` block asks for it.
struct LoadedData {
  std::string name;
  PreparedData data;
  std::vector<std::string> notes;  ///< what a user should know: sizes, how the task was inferred, rows dropped
};

/// The names of `trial:` that `load_data` looks at. Constants: a sweep trains on one data set.
const std::vector<std::string>& data_setting_names();

/// Loads what `trial.dataset` names, split by `validation_fraction` (0.2), `test_fraction` (0.2) and `split_seed` (0):
///
///     dataset: digits                                             # or letter, california
///     dataset: {csv: wine.csv, target: quality}                   # split by the fractions
///     dataset: {train: a.csv, test: b.csv, target: label}         # also validation:
///     dataset: {npy: {inputs: x.npy, targets: y.npy}}
///
/// With CSV also `delimiter:`, `categorical:` and `drop:` (columns); with all of them `task: classification` or
/// `regression`. Files may be gzipped; relative paths start at the sweep file's folder. Throws InputError for a
/// setting, DataError for a file.
LoadedData load_data(const SweepSpec& spec);

}  // namespace lockstep::models
