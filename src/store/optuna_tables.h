#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <lockstep/sweep_spec.h>

#include "store/sqlite.h"
#include "store/utc_time.h"

namespace lockstep {

/// Optuna counts rows from 1 and trials from 0.
inline int64_t row_id(int64_t trial) { return trial + 1; }

/// Fills Optuna's tables, which must be there, with one study. Its statements are prepared once, as a sweep runs them
/// thousands of times. The database must outlive it. Every call throws OutputError.
class OptunaTables {
 public:
  static constexpr int64_t kStudyId = 1;

  explicit OptunaTables(Database& database);

  void insert_study(const std::string& name, Goal goal, const std::string& metric);
  /// A user attribute of the study.
  void insert_study_attribute(const std::string& key, const std::string& json);
  /// @param state Optuna's word
  void insert_trial(int64_t trial, const std::string& state, UtcTime start,
                    std::optional<UtcTime> complete = std::nullopt);
  /// A user attribute of a trial.
  void insert_trial_attribute(int64_t trial, const std::string& key, const std::string& json);
  void insert_param(int64_t trial, const std::string& name, double draw, const std::string& distribution_json);
  /// An intermediate value, finite or not.
  void insert_report(int64_t trial, int64_t step, double metric);
  /// The objective's value; finite.
  void insert_value(int64_t trial, double value);

 private:
  Database& database_;
  Statement insert_trial_;
  Statement insert_trial_attribute_;
  Statement insert_param_;
  Statement insert_report_;
  Statement insert_value_;
};

}  // namespace lockstep
