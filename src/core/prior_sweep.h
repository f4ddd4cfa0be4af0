#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <lockstep/warm_start.h>

namespace lockstep {

/// A trial of an earlier sweep, as a new one looks at it.
struct PriorTrial {
  int64_t number = 0;
  std::span<const Value> values = {};  ///< [n_params]
  std::vector<double> reports = {};    ///< of intervals 1, 2, ...; NaN where not finite
  std::optional<double> value = {};    ///< its best
  TrialState state = TrialState::kFinished;
  int64_t n_exploits_before_best = 0;
};

/// An earlier sweep.
struct PriorSweep {
  std::string name;    ///< for messages: a folder
  std::string option;  ///< what names it, for messages: "--warm-start"
  const SearchSpace& space;
  std::map<std::string, Setting> settings = {};  ///< constants of its training, as far as they are known
  Objective objective = {};
  bool has_metric_name = true;  ///< false: what it recorded has no name, and may be any
  bool has_ended = true;
  std::vector<PriorTrial> trials = {};
};

/// Throws InputError when its values mean nothing for the objective.
void check_objective(const PriorSweep& sweep, const Objective& objective);

/// What `spec`'s sampling and policy can take of earlier sweeps (`SweepHistory::warm_start`).
WarmStart learn_from(std::span<const PriorSweep> sweeps, const SweepSpec& spec, std::optional<int64_t> n_intervals);

}  // namespace lockstep
