#pragma once

#include <cstdint>

#include <torch/types.h>

namespace lockstep {

/// What the interception of factories needs to know while a module is being built for a batch of trials. One per thread, alive as
/// long as the constructing TrialScope.
struct Construction {
  int64_t level = 0;
  torch::Device device = torch::kCPU;
  int64_t n_trials = 0;

  static Construction*& current();
};

}  // namespace lockstep
