#pragma once

#include <cstdint>

namespace lockstep {

/// How trials are divided into brackets for successive halving and Hyperband: consecutive trials, all of a bracket started
/// together. Kinds of brackets follow each other in a cycle until the trials are used up, so where a trial belongs is
/// computed, and no table grows with the sweep. Plain data, the same bytes on host and device.
struct BracketPlan {
  /// A cycle that is used in full starts with reduction_factor^(n_kinds - 1) trials, of at most 10^6.
  static constexpr int kMaxKinds = 20;

  int64_t n_trials = 0;          ///< in the sweep; they may cut the last bracket short
  int64_t reduction_factor = 0;  ///< eta
  int64_t n_kinds = 0;
  int64_t size[kMaxKinds] = {};        ///< trials of a kind of bracket
  int64_t first_rung[kMaxKinds] = {};  ///< interval of its first rung; each next one is eta times later
  int64_t n_rungs[kMaxKinds] = {};     ///< the most that it has
};

}  // namespace lockstep
