#pragma once

#include "store/sqlite.h"

namespace lockstep {

/// Version of the `lockstep_` tables. A reader refuses a higher one.
inline constexpr int64_t kLayoutVersion = 4;
/// The first with `lockstep_exploits`.
inline constexpr int64_t kExploitsVersion = 2;
/// The first that says what a resume needs: `processor`, `data_fingerprint`, `n_slots`, and `lockstep_resumes`.
inline constexpr int64_t kResumeVersion = 3;
/// The first with `lockstep_earlier_trials`.
inline constexpr int64_t kEarlierTrialsVersion = 4;

/// Creates Optuna's tables in an empty database: schema 12, so Optuna 4 and 5 and optuna-dashboard open the file.
void create_optuna_tables(Database& database);
/// Creates these and our own, prefixed `lockstep_`. `docs/results.md` describes them.
void create_tables(Database& database);

}  // namespace lockstep
