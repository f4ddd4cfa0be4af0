#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <lockstep/executor.h>

namespace lockstep {

/// Every trial in the slot of its own number.
inline std::vector<Placement> in_own_slots(std::span<const int64_t> trials) {
  std::vector<Placement> placements;
  for (const int64_t trial : trials) placements.push_back({trial, trial});
  return placements;
}

/// Trains an interval on the CPU and returns the metrics of slots 0..n_slots-1; of one that nobody reports to, `unset`.
inline std::vector<double> train_interval(Executor& executor, int64_t n_slots, double unset = 0) {
  std::vector<double> metrics(static_cast<size_t>(n_slots), unset);
  executor.train_interval(metrics.data());
  return metrics;
}

}  // namespace lockstep
