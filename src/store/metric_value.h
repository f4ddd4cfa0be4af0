#pragma once

#include <cmath>
#include <limits>

#include "store/sqlite.h"

namespace lockstep {

/// A metric from a row of Optuna's tables, which hold no value that is not finite: they say of which kind it is.
inline double metric_value(const Statement& query, int value_column, int type_column) {
  const std::string type = query.text(type_column);
  if (type == "INF_POS") return std::numeric_limits<double>::infinity();
  if (type == "INF_NEG") return -std::numeric_limits<double>::infinity();
  if (type == "NAN" || query.is_null(value_column)) return std::numeric_limits<double>::quiet_NaN();
  return query.real(value_column);
}

/// The word for the kind that `metric` is of.
inline const char* metric_type(double metric) {
  if (std::isfinite(metric)) return "FINITE";
  if (std::isnan(metric)) return "NAN";
  return metric > 0 ? "INF_POS" : "INF_NEG";
}

}  // namespace lockstep
