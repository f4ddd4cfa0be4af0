#pragma once

#include <cstdint>
#include <vector>

#include <lockstep/backend.h>
#include <torch/types.h>

namespace lockstep {

/// What the interception of factories and random ops needs to know while a module is being built for a batch of trials.
/// One per thread, alive as long as the constructing TrialScope.
struct Construction {
  int64_t level = 0;
  torch::Device device = torch::kCPU;
  const Backend* backend = nullptr;
  Context context;
  torch::Tensor trials;     ///< [n_trials] int64 ids on `device`
  int64_t n_trials = 0;
  uint32_t next_stream = 0; ///< random ops so far: the module's n-th op draws from each trial's n-th stream

  static Construction*& current();
};

}  // namespace lockstep
