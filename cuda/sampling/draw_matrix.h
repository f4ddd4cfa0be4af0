#pragma once

#include <cstdint>

#include "cuda/common/every_core.h"
#include "cuda/sampling/distributions.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

/// Trials that are drawn together, a column at a time. A GPU has a thread for each. The host takes so many that the
/// column's kind is looked at once for all of them and each loop runs in vectors, but not more than the fastest cache
/// holds until all their columns are written.
#ifdef __CUDACC__
inline constexpr int64_t kTrialsTogether = 1;
#else
inline constexpr int64_t kTrialsTogether = 256;
#endif

/// Draws one column of one group of trials.
template <class RandomBits>
struct DrawColumn {
  RandomBits random_bits;
  const DistributionSpec* specs;
  int64_t n_params;
  int64_t n_trials;
  double* draws;

  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t param = i % n_params;
    const int64_t first = i / n_params * kTrialsTogether;
    const int64_t n = n_trials - first < kTrialsTogether ? n_trials - first : kTrialsTogether;
    uint64_t bits[kTrialsTogether];
    random_bits(first, n, param, bits);
    const DistributionSpec spec = specs[param];
    double* column = draws + first * n_params + param;
    with_kind(spec.kind, [&](auto kind) {
      double values[kTrialsTogether];
      draw<decltype(kind)::value, kTrialsTogether>(spec, bits, n, values);
      for (int64_t k = 0; k < n; ++k) column[k * n_params] = values[k];
    });
  }
};

/// Writes the draws [n_trials, n_params], row-major. `random_bits(first, n, param, bits)` writes the 64 random bits of
/// rows [first, first + n) in column `param` to `bits` [n].
template <class RandomBits>
void draw_matrix(const Context& context, RandomBits random_bits, const DistributionSpec* specs, int64_t n_params,
                 int64_t n_trials, double* draws) {
  const int64_t n_groups = (n_trials + kTrialsTogether - 1) / kTrialsTogether;
  constexpr int64_t kMinColumns = 512;  // 0.2 ms and more
  for_each_index_on_every_core(context, n_groups * n_params, kMinColumns,
                               DrawColumn<RandomBits>{random_bits, specs, n_params, n_trials, draws});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
