#include "store/optuna_curves.h"

#include <lockstep/error.h>

#include "store/metric_value.h"
#include "store/optuna_study.h"
#include "store/sqlite.h"

namespace lockstep {

namespace {

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
  const OptunaStudy study = find_optuna_study(database, wanted);
  OptunaCurves result;
  result.study = study.name;
  result.goal = study.goal;
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

OptunaCurves load_optuna_curves(const std::string& path, const std::string& study) {
  if (!is_sqlite_file(path)) throw DataError(path + ": it is no SQLite database; check the path");
  try {
    return read(path, study);
  } catch (const OutputError& failure) {
    throw DataError(failure.what());  // recorded curves are data here, not results
  }
}

}  // namespace lockstep
