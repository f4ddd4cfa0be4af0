#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <lockstep/sweep.h>

#include "report/leaderboard.h"

namespace lockstep {

/// What a sweep came to, for people and for programs.
struct SweepSummary {
  const SweepSpec& spec;
  const Configurations& configurations;
  const SweepResult& result;
  std::vector<RankedTrial> top;  ///< best first
  uint64_t seed = 0;
  std::string device;
  std::string output_dir;
  std::span<const EarlierTrial> earlier = {};  ///< that the sweep began with
};

/// A value as JSON, with its kind.
nlohmann::ordered_json to_json(const Value& value);
/// {"lr": 0.01, "hidden": 64} of a configuration, [n_params].
nlohmann::ordered_json hyperparameters_json(const SearchSpace& space, const std::vector<double>& draws);

std::string summary_text(const SweepSummary& summary);
nlohmann::ordered_json summary_json(const SweepSummary& summary);

}  // namespace lockstep
