#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "torch/tile.h"

namespace lockstep {

/// Trials whose tensors have the same shapes, so that they can train in one batch.
struct Cohort {
  std::vector<int64_t> trials;   ///< ascending ids
  std::string description;       ///< the structural hyperparameters that they share: "hidden=64, optimizer=adam"
  int64_t n_intervals = 1;
  int64_t steps_per_interval = 1;
  std::set<int64_t> structural;  ///< search-space columns that were read as C++ values
  std::vector<double> key;       ///< [structural] what they drew
  /// Why the module cannot run as one batch, so that its trials train one by one; "" where it can.
  std::string one_by_one;
  int64_t row_size = 0;          ///< parameters of one trial
  int64_t row_bytes = 0;         ///< that one trial holds between steps: parameters, optimiser state, buffers
  int64_t trial_bytes = 0;       ///< most that one trial holds in a training step: rows, gradients, activations
};

/// Groups all trials of `source.configurations` by what the task reads as C++ values while it builds a trial: builds one trial
/// of each cohort and trains it for one step, so that a task that cannot run is found out here.
///
/// Throws InputError when a search-space or `trial:` name is read by no cohort (naming the nearest that is).
/// @param train the task's training part on the source's device
std::vector<Cohort> find_cohorts(const TileSource& source, const DataPart& train);

/// The cohort of a trial by itself, found in the same way.
Cohort find_cohort(const TileSource& source, const DataPart& train, int64_t trial);

/// Whether a trial, as it is configured now, is of this cohort's kind.
bool belongs_to(const Cohort& cohort, const Configurations& configurations, int64_t trial);

}  // namespace lockstep
