// Random sampling of configurations.
#include "cuda/common/algorithms.h"
#include "cuda/common/philox.h"
#include "cuda/sampling/draw_matrix.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

struct ConfigurationBits {
  uint64_t seed;
  int64_t first_trial;

  LOCKSTEP_HD void operator()(int64_t first, int64_t n, int64_t param, uint64_t* bits) const {
    for (int64_t k = 0; k < n; ++k) {
      bits[k] = random_words(seed, RandomPurpose::kConfiguration, first_trial + first + k, /*stream=*/0,
                             static_cast<uint32_t>(param))
                    .bits();
    }
  }
};

}  // namespace

void sample_random(const Context& context, const DistributionSpec* specs, int64_t n_params, int64_t first_trial,
                   int64_t n_trials, double* draws) {
  draw_matrix(context, ConfigurationBits{context.seed, first_trial}, specs, n_params, n_trials, draws);
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
