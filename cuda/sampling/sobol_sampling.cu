// Sobol sampling of configurations: a dimension a hyperparameter, through the same quantile functions as random
// sampling.
#include <string>
#include <vector>

#include "cuda/common/algorithms.h"
#include "cuda/common/execution.h"
#include "cuda/sampling/draw_matrix.h"
#include "cuda/sampling/sobol.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

/// Per dimension: its scrambled directions, then its shift.
constexpr int64_t kSobolEntries = kSobolDigits + 1;

struct ScrambleOne {
  uint64_t seed;
  const uint32_t* directions;
  uint64_t* scrambled;

  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t dimension = i / kSobolEntries;
    const int64_t entry = i % kSobolEntries;
    scrambled[i] = entry == kSobolDigits
                       ? sobol_shift(seed, dimension)
                       : scrambled_direction(seed, dimension, directions[dimension * kSobolDigits + entry]);
  }
};

struct PointBits {
  const uint64_t* scrambled;
  int64_t first_trial;

  LOCKSTEP_HD void operator()(int64_t first, int64_t n, int64_t param, uint64_t* bits) const {
    const uint64_t* entries = scrambled + param * kSobolEntries;
    auto index = static_cast<uint32_t>(first_trial + first);
    bits[0] = sobol_point(entries, index) ^ entries[kSobolDigits];
    for (int64_t k = 1; k < n; ++k) bits[k] = bits[k - 1] ^ entries[gray_code_change(++index)];
  }
};

}  // namespace

void sample_sobol(const Context& context, const DistributionSpec* specs, int64_t n_params, int64_t first_trial,
                  int64_t n_trials, double* draws) {
  if (n_params == 0 || n_trials == 0) return;
  if (n_params > kMaxSobolParams) {
    throw InputError("Sobol sampling takes at most " + std::to_string(kMaxSobolParams) + " hyperparameters, not " +
                     std::to_string(n_params));
  }
  static_assert(kMaxSobolParams == kMaxSobolDimensions && kMaxSobolTrials == int64_t{1} << kSobolDigits);
  if (first_trial < 0 || n_trials > kMaxSobolTrials - first_trial) {
    throw InputError("A Sobol sequence ends at trial " + std::to_string(kMaxSobolTrials - 1));
  }
  std::vector<uint32_t> directions(static_cast<size_t>(n_params) * kSobolDigits);
  for (int64_t k = 0; k < n_params; ++k) sobol_directions(static_cast<int>(k), directions.data() + k * kSobolDigits);

  const DeviceBuffer<uint32_t> device_directions(context, static_cast<int64_t>(directions.size()));
  const DeviceBuffer<uint64_t> scrambled(context, n_params * kSobolEntries);
  copy_to_device(context, device_directions.data(), directions.data(),
                 static_cast<int64_t>(directions.size() * sizeof(uint32_t)));
  for_each_index(context, n_params * kSobolEntries,
                 ScrambleOne{context.seed, device_directions.data(), scrambled.data()});
  draw_matrix(context, PointBits{scrambled.data(), first_trial}, specs, n_params, n_trials, draws);
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
