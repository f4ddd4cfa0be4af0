#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <lockstep/sweep_spec.h>

#include "store/sqlite.h"

namespace lockstep {

/// Whether `path` is a file that starts as SQLite's do.
bool is_sqlite_file(const std::string& path);

/// A study in an SQLite file of Optuna, or in a sweep's `sweep.db`, which has the same tables.
struct OptunaStudy {
  int64_t id = 0;
  std::string name;
  int64_t n_objectives = 0;
  std::optional<Goal> goal;  ///< none for a study with several objectives
};

/// Finds `wanted`; "" means the only one. Waits for another program's lock from then on. Throws DataError that names the
/// file and the cure: not Optuna's tables, those of an Optuna before 3, no such study, several of them (their names).
OptunaStudy find_optuna_study(Database& database, const std::string& wanted);

}  // namespace lockstep
