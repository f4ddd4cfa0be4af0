#pragma once

#include <cstdint>

#include <lockstep/backend.h>
#include <torch/types.h>

namespace lockstep {

/// Where the random ops of a TrialScope draw from. One per thread, alive as long as the scope.
struct TrialStreams {
  torch::Device device = torch::kCPU;
  const Backend* backend = nullptr;
  Context context;
  torch::Tensor trials;      ///< [n_trials] int64 ids on `device`
  torch::Tensor steps;       ///< [n_trials] int64 training steps taken, on `device`; undefined while modules are built
  uint32_t next_stream = 0;  ///< the scope's n-th random op draws from each trial's n-th stream
  bool is_plain = false;     ///< there is one trial, and its tensors are without a dimension for trials

  int64_t n_trials() const { return trials.size(0); }

  static TrialStreams*& current();
};

}  // namespace lockstep
