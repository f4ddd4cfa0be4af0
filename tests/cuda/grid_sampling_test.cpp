// Grid sampling: every combination once, the last hyperparameter fastest.
#include <gtest/gtest.h>

#include <cmath>

#include "cuda/backend_test.h"

namespace lockstep::test {
namespace {

class GridSampling : public BackendTest {
 protected:
  std::vector<double> sample(const std::vector<int64_t>& counts, int64_t first_trial, int64_t n_trials) {
    std::vector<DistributionSpec> specs;
    for (const int64_t count : counts) specs.push_back({DistributionKind::kChoice, 0, 0, 0, count});
    const DeviceArray<DistributionSpec> device_specs(*backend_, context_, specs);
    const DeviceArray<double> draws(*backend_, context_, std::vector<double>(specs.size() * n_trials, NAN));
    backend_->sample_grid(context_, device_specs.data(), static_cast<int64_t>(counts.size()), first_trial, n_trials,
                          draws.data());
    return draws.to_host();
  }
};
LOCKSTEP_EVERY_BACKEND(GridSampling);

TEST_P(GridSampling, GoesThroughEveryCombinationLastFastest) {
  std::vector<double> expected;
  for (const double a : {0, 1}) {
    for (const double c : {0, 1, 2}) {
      for (const double d : {0, 1, 2, 3, 4}) expected.insert(expected.end(), {a, 0, c, d});
    }
  }
  EXPECT_TRUE(same_bits(sample({2, 1, 3, 5}, 0, 30), expected));
  EXPECT_TRUE(same_bits(sample({2, 1, 3, 5}, 7, 11), {expected.begin() + 7 * 4, expected.begin() + 18 * 4}));
}

TEST_P(GridSampling, TakesGridsLargerThanAnyInteger) {
  // 1000^40 combinations, of which the first are asked for.
  const auto draws = sample(std::vector<int64_t>(40, 1000), 1'234'567, 2);
  std::vector<double> expected(80, 0);
  for (const size_t row : {0, 1}) {
    expected[row * 40 + 37] = 1;
    expected[row * 40 + 38] = 234;
    expected[row * 40 + 39] = 567 + static_cast<double>(row);
  }
  EXPECT_TRUE(same_bits(draws, expected));
}

TEST_P(GridSampling, DrawsNothingForNoTrialsOrNoParameters) {
  EXPECT_TRUE(sample({2, 3}, 0, 0).empty());
  EXPECT_TRUE(sample({}, 0, 10).empty());
}

}  // namespace
}  // namespace lockstep::test
