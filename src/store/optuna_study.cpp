#include "store/optuna_study.h"

#include <fstream>
#include <vector>

#include <lockstep/error.h>

namespace lockstep {

namespace {

constexpr int kBusyTimeoutMs = 10'000;

OptunaStudy find_study(Database& database, const std::string& wanted) {
  std::vector<OptunaStudy> studies;
  std::string names;
  Statement query(database, "SELECT study_id, study_name FROM studies ORDER BY study_id");
  while (query.step()) {
    studies.push_back({query.integer(0), query.text(1), 0, std::nullopt});
    if (!wanted.empty() && studies.back().name == wanted) return studies.back();
    names += (names.empty() ? "'" : ", '") + studies.back().name + "'";
  }
  if (studies.empty()) throw DataError(database.path() + ": it holds no study; name a database with trials in it");
  if (!wanted.empty()) {
    throw DataError(database.path() + ": there is no study '" + wanted + "'; choose with --study from " + names);
  }
  if (studies.size() > 1) {
    throw DataError(database.path() + ": it holds several studies; choose with --study from " + names);
  }
  return studies.front();
}

void read_goal(Database& database, OptunaStudy& study) {
  Statement query(database, "SELECT direction FROM study_directions WHERE study_id = ?");
  query.bind(1, study.id);
  std::string direction;
  while (query.step()) {
    direction = query.text(0);
    ++study.n_objectives;
  }
  if (study.n_objectives != 1) return;
  if (direction == "MINIMIZE") study.goal = Goal::kMinimize;
  if (direction == "MAXIMIZE") study.goal = Goal::kMaximize;
}

}  // namespace

bool is_sqlite_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char start[16] = {};
  file.read(start, sizeof(start));
  return file && std::string(start, 15) == "SQLite format 3";
}

OptunaStudy find_optuna_study(Database& database, const std::string& wanted) {
  database.set_busy_timeout(kBusyTimeoutMs);
  const auto n_tables = database.query_text(
      "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN "
      "('studies', 'study_directions', 'trials', 'trial_intermediate_values')");
  if (n_tables != "4") {
    throw DataError(database.path() + ": it does not hold Optuna's tables; name a database that Optuna or a sweep wrote");
  }
  if (database.query_text("SELECT count(*) FROM pragma_table_info('trial_intermediate_values') "
                          "WHERE name = 'intermediate_value_type'") != "1") {
    throw DataError(database.path() + ": its tables are of an Optuna before version 3; run `optuna storage upgrade` on it");
  }
  OptunaStudy study = find_study(database, wanted);
  read_goal(database, study);
  return study;
}

}  // namespace lockstep
