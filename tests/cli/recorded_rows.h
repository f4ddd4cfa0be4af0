#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

#include <sqlite3.h>

namespace lockstep::testing {

/// The rows of a query on a folder's sweep.db as text. Throws when the query fails.
inline std::string rows(const std::filesystem::path& folder, const char* sql, int flags = SQLITE_OPEN_READONLY) {
  sqlite3* database = nullptr;
  std::string out, failure;
  if (sqlite3_open_v2((folder / "sweep.db").c_str(), &database, flags, nullptr) != SQLITE_OK) {
    failure = "cannot open";
  } else {
    sqlite3_busy_timeout(database, 5000);
    const auto add = [](void* text, int n, char** values, char**) {
      for (int i = 0; i < n; ++i) *static_cast<std::string*>(text) += std::string(values[i] ? values[i] : "") + "|";
      *static_cast<std::string*>(text) += "\n";
      return 0;
    };
    if (sqlite3_exec(database, sql, add, &out, nullptr) != SQLITE_OK) failure = sqlite3_errmsg(database);
  }
  sqlite3_close(database);
  if (!failure.empty()) throw std::runtime_error(failure);
  return out;
}

/// Changes a folder's sweep.db.
inline void change(const std::filesystem::path& folder, const std::string& sql) {
  rows(folder, sql.c_str(), SQLITE_OPEN_READWRITE);
}

/// Everything that a sweep came to: all but times, and how often it was resumed. Reals are exact in SQLite's text.
inline std::string results_of(const std::filesystem::path& folder) {
  return rows(folder,
              "SELECT trial_id, state FROM trials ORDER BY 1;"
              "SELECT trial_id, param_name, printf('%!.17g', param_value) FROM trial_params ORDER BY 1, 2;"
              "SELECT trial_id, step, printf('%!.17g', intermediate_value), intermediate_value_type "
              "  FROM trial_intermediate_values ORDER BY 1, 2;"
              "SELECT trial_id, printf('%!.17g', value) FROM trial_values ORDER BY 1;"
              "SELECT trial_id, interval, decision, reason FROM lockstep_events ORDER BY 1;"
              "SELECT trial_id, interval, source_trial_id, params_json FROM lockstep_exploits ORDER BY 1, 2;"
              "SELECT end_state, failure, printf('%!.17g', test_value), trial_intervals, trial_intervals_full "
              "  FROM lockstep_sweep");
}

}  // namespace lockstep::testing
