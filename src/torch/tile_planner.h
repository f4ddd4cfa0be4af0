#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "torch/cohorts.h"
#include "torch/worker_pool.h"

namespace lockstep {

/// How one cohort's trials are grouped.
struct TilePlan {
  int64_t size = 1;  ///< most trials in a tile
  /// What was measured: tile sizes, and seconds that a trial's step took in such a tile, with every worker training one.
  /// Empty where nothing was.
  std::vector<std::pair<int64_t, double>> measured;

  /// "measured: 16: 130 us, 32: 121 us, 64: 128 us a trial's step", or "".
  std::string measurements() const;
};

/// A tile size for a cohort on a CPU, from what a trial holds and the cache.
/// @param most the largest that is of use
int64_t guess_tile(const Cohort& cohort, int64_t most);

/// The tile size for a cohort on a CPU. Guesses; where the cohort trains long enough
/// for that to cost less than a hundredth of it, measures that guess and sizes around it and takes the fastest. Which one
/// it is does not change a trial's results.
/// @param most the largest that is of use
/// @param workers idle; each trains tiles of its own while the others do, as in training
TilePlan plan_tile(const TileSource& source, const DataPart& train, const Cohort& cohort, int64_t most,
                   WorkerPool& workers);

/// A training step's and an evaluation's memory in bytes, by the number of trials in the tile: a line through two measured
/// points.
struct WorkingMemory {
  double fixed = 0;
  double per_trial = 0;
  double of(int64_t n_trials) const { return fixed + per_trial * static_cast<double>(n_trials); }
};
WorkingMemory measure_memory(const TileSource& source, const DataPart& train, const DataPart& validation,
                             std::span<const Metric* const> metrics, const Cohort& cohort);

/// Bytes of memory that this process has resident; 0 where the system does not say.
int64_t resident_bytes();

}  // namespace lockstep
