#include "store/optuna_tables.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "store/export.h"
#include "store/metric_value.h"

namespace lockstep {

OptunaTables::OptunaTables(Database& database)
    : database_(database),
      insert_trial_(database,
                    "INSERT INTO trials (trial_id, number, study_id, state, datetime_start, datetime_complete) "
                    "VALUES (?, ?, 1, ?, ?, ?)"),
      insert_trial_attribute_(
          database, "INSERT INTO trial_user_attributes (trial_id, \"key\", value_json) VALUES (?, ?, ?)"),
      insert_param_(
          database,
          "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (?, ?, ?, ?)"),
      insert_report_(
          database,
          "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type) "
          "VALUES (?, ?, ?, ?)"),
      insert_value_(database,
                    "INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?, 0, ?, 'FINITE')") {}

void OptunaTables::insert_study(const std::string& name, Goal goal, const std::string& metric) {
  Statement(database_, "INSERT INTO studies VALUES (?, ?)").bind(1, kStudyId).bind(2, name).run();
  Statement(database_, "INSERT INTO study_directions (direction, study_id, objective) VALUES (?, ?, 0)")
      .bind(1, std::string(goal == Goal::kMaximize ? "MAXIMIZE" : "MINIMIZE"))
      .bind(2, kStudyId)
      .run();
  Statement(database_,
            "INSERT INTO study_system_attributes (study_id, \"key\", value_json) VALUES (?, 'study:metric_names', ?)")
      .bind(1, kStudyId)
      .bind(2, json_text(nlohmann::ordered_json::array({metric}), -1))
      .run();
}

void OptunaTables::insert_study_attribute(const std::string& key, const std::string& json) {
  Statement(database_, "INSERT INTO study_user_attributes (study_id, \"key\", value_json) VALUES (?, ?, ?)")
      .bind(1, kStudyId)
      .bind(2, key)
      .bind(3, json)
      .run();
}

void OptunaTables::insert_trial(int64_t trial, const std::string& state, UtcTime start,
                                std::optional<UtcTime> complete) {
  insert_trial_.bind(1, row_id(trial)).bind(2, trial).bind(3, state).bind(4, utc_text(start));
  if (complete) {
    insert_trial_.bind(5, utc_text(*complete));
  } else {
    insert_trial_.bind_null(5);
  }
  insert_trial_.run();
}

void OptunaTables::insert_trial_attribute(int64_t trial, const std::string& key, const std::string& json) {
  insert_trial_attribute_.bind(1, row_id(trial)).bind(2, key).bind(3, json).run();
}

void OptunaTables::insert_param(int64_t trial, const std::string& name, double draw,
                                const std::string& distribution_json) {
  insert_param_.bind(1, row_id(trial)).bind(2, name).bind(3, draw).bind(4, distribution_json).run();
}

void OptunaTables::insert_report(int64_t trial, int64_t step, double metric) {
  insert_report_.bind(1, row_id(trial)).bind(2, step);
  if (std::isfinite(metric)) {
    insert_report_.bind(3, metric);
  } else {
    insert_report_.bind_null(3);
  }
  insert_report_.bind(4, std::string(metric_type(metric))).run();
}

void OptunaTables::insert_value(int64_t trial, double value) {
  insert_value_.bind(1, row_id(trial)).bind(2, value).run();
}

}  // namespace lockstep
