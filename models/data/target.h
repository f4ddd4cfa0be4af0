#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/data/prepare.h"
#include "models/data/table.h"

namespace lockstep::models {

/// The target column, read for its task, without the rows that have none.
struct Target {
  TaskKind task = TaskKind::kClassification;
  std::vector<int64_t> rows;         ///< of the table, that have a target
  std::vector<int64_t> labels;       ///< classification: [rows.size()]
  std::vector<std::string> classes;  ///< in ascending order, by number or by text
  std::vector<double> values;        ///< regression: [rows.size()]
};

/// The rule of `prepare` for the task; throws its errors about the target.
Target read_target(const Column& column, std::optional<TaskKind> task, const std::string& name);

}  // namespace lockstep::models
