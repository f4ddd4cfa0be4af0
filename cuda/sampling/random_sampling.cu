// Random sampling of configurations.
#include "cuda/common/algorithms.h"
#include "cuda/common/execution.h"
#include "cuda/sampling/distributions.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

struct DrawOne {
  uint64_t seed;
  const DistributionSpec* specs;
  int64_t n_params;
  int64_t first_trial;
  double* draws;

  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t param = i % n_params;
    const int64_t trial = first_trial + i / n_params;
    const RandomWords words =
        random_words(seed, RandomPurpose::kConfiguration, trial, /*stream=*/0, static_cast<uint32_t>(param));
    draws[i] = draw(specs[param], words.bits());
  }
};

}  // namespace

void sample_random(const Context& context, const DistributionSpec* specs, int64_t n_params, int64_t first_trial,
                   int64_t n_trials, double* draws) {
  for_each_index(context, n_trials * n_params, DrawOne{context.seed, specs, n_params, first_trial, draws});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
