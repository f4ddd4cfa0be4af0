#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <lockstep/sweep.h>
#include <lockstep/warm_start.h>

#include "store/results.h"

namespace lockstep {

/// A sweep in a folder that a new one is to learn from.
struct EarlierSweep {
  SweepRecord record;
  Reports reports;
};

/// Reads sweeps that `spec`'s is to learn from, its own kind or imported ones. Throws InputError, with the cure, for one of
/// another metric or goal and for one that is named twice, OutputError for a folder that cannot be read.
std::vector<EarlierSweep> load_earlier_sweeps(const std::vector<std::string>& directories, const SweepSpec& spec);

/// What `spec`'s sampling and policy can take of earlier sweeps, by the hyperparameters' names and values. Trials become as
/// old as those of the new sweep: of longer ones the later reports do not count, and shorter ones have not finished.
/// Throws InputError for an earlier sweep of which nothing can be taken.
/// @param n_intervals that every trial of the new sweep trains; nothing where they differ, or nobody knows
WarmStart match_earlier_trials(const std::vector<EarlierSweep>& sweeps, const SweepSpec& spec,
                               std::optional<int64_t> n_intervals);

}  // namespace lockstep
