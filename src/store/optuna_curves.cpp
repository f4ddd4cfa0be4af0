#include "store/optuna_curves.h"

#include <fstream>
#include <vector>

#include <lockstep/error.h>

#include "store/metric_value.h"
#include "store/sqlite.h"

namespace lockstep {

namespace {

constexpr int kBusyTimeoutMs = 10'000;

struct Study {
  int64_t id = 0;
  std::string name;
};

Study find_study(Database& database, const std::string& wanted) {
  std::vector<Study> studies;
  std::string names;
  Statement query(database, "SELECT study_id, study_name FROM studies ORDER BY study_id");
  while (query.step()) {
    studies.push_back({query.integer(0), query.text(1)});
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

std::optional<Goal> read_goal(Database& database, int64_t study_id) {
  Statement query(database, "SELECT direction FROM study_directions WHERE study_id = ?");
  query.bind(1, study_id);
  std::vector<std::string> directions;
  while (query.step()) directions.push_back(query.text(0));
  if (directions.size() != 1) return std::nullopt;
  if (directions[0] == "MINIMIZE") return Goal::kMinimize;
  if (directions[0] == "MAXIMIZE") return Goal::kMaximize;
  return std::nullopt;
}

int64_t count_without_curve(Database& database, int64_t study_id) {
  Statement query(database,
                  "SELECT count(*) FROM trials WHERE study_id = ? AND NOT EXISTS "
                  "(SELECT 1 FROM trial_intermediate_values AS v WHERE v.trial_id = trials.trial_id)");
  query.bind(1, study_id);
  int64_t n = 0;
  while (query.step()) n = query.integer(0);
  return n;
}

OptunaCurves read(const std::string& path, const std::string& wanted) {
  Database database(path, Database::Mode::kRead);
  database.set_busy_timeout(kBusyTimeoutMs);
  const auto n_tables = database.query_text(
      "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN "
      "('studies', 'study_directions', 'trials', 'trial_intermediate_values')");
  if (n_tables != "4") {
    throw DataError(path + ": it does not hold Optuna's tables; name a database that Optuna or a sweep wrote");
  }
  if (database.query_text("SELECT count(*) FROM pragma_table_info('trial_intermediate_values') "
                          "WHERE name = 'intermediate_value_type'") != "1") {
    throw DataError(path + ": its tables are of an Optuna before version 3; run `optuna storage upgrade` on it");
  }
  const Study study = find_study(database, wanted);
  OptunaCurves result;
  result.study = study.name;
  result.goal = read_goal(database, study.id);
  result.n_without_curve = count_without_curve(database, study.id);
  CurveCollector collector(path + ": study '" + study.name + "'");
  Statement query(database,
                  "SELECT number, step, intermediate_value, intermediate_value_type FROM trials "
                  "JOIN trial_intermediate_values USING (trial_id) WHERE study_id = ? ORDER BY number, step");
  query.bind(1, study.id);
  while (query.step()) collector.add(query.text(0), query.integer(1), metric_value(query, 2, 3));
  result.curves = collector.finish();
  return result;
}

}  // namespace

bool is_sqlite_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char start[16] = {};
  file.read(start, sizeof(start));
  return file && std::string(start, 15) == "SQLite format 3";
}

OptunaCurves load_optuna_curves(const std::string& path, const std::string& study) {
  if (!is_sqlite_file(path)) throw DataError(path + ": it is no SQLite database; check the path");
  try {
    return read(path, study);
  } catch (const OutputError& failure) {
    throw DataError(failure.what());  // recorded curves are data here, not results
  }
}

}  // namespace lockstep
