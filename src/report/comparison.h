#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "store/results.h"

namespace lockstep {

/// Several sweeps side by side.
struct SweepComparison {
  std::vector<SweepRecord> sweeps;
  /// Why their best values say nothing about each other: other metrics, other goals; "" where they do.
  std::string why_not;
  /// Index of the sweep with the best value, ties to the first; none without a value, or where `why_not`.
  std::optional<size_t> best;
};

SweepComparison compare_sweeps(std::vector<SweepRecord> sweeps);

/// Seconds from a sweep's start to the end of its best trial, by the clock: with the time between the end of a process and
/// the resume by another. nullopt without a best trial, or while it runs.
std::optional<double> seconds_to_best(const SweepRecord& record);

/// A table with a column a sweep, then each best configuration, then the difference of the best values.
std::string comparison_text(const SweepComparison& comparison);
/// `sweeps` (a list), `comparable`, `why_not`, `best` (the folder).
nlohmann::ordered_json comparison_json(const SweepComparison& comparison);

}  // namespace lockstep
