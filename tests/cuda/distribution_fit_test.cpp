// Each distribution against its closed form: Kolmogorov and Smirnov's test where it is continuous, chi-square where it is
// discrete. Seeds are fixed, so a test fails always or never; each passes at the level 1e-4.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "cuda/backend_test.h"

namespace lockstep::test {
namespace {

using enum DistributionKind;
using Cdf = std::function<double(double)>;

/// sqrt(n) times the largest distance of the sample's distribution from `cdf`; above 2.23 with probability 1e-4.
double kolmogorov_smirnov(std::vector<double> sample, const Cdf& cdf) {
  std::sort(sample.begin(), sample.end());
  const auto n = static_cast<double>(sample.size());
  double distance = 0;
  for (size_t i = 0; i < sample.size(); ++i) {
    const double p = cdf(sample[i]);
    distance = std::max({distance, p - i / n, (i + 1) / n - p});
  }
  return distance * std::sqrt(n);
}
constexpr double kKolmogorovLimit = 2.23;

/// Chi-square of the counts of 0, 1, 2, ... cells with probability `p(first)`, ..., over its limit at the level 1e-4:
/// above 1 with that probability. Rare cells are put together until ten of the sample are expected in each.
double chi_square_ratio(const std::vector<double>& sample, int64_t first, int64_t last,
                        const std::function<double(int64_t)>& probability) {
  std::map<int64_t, double> counts;
  for (const double x : sample) counts[static_cast<int64_t>(x)] += 1;
  const auto n = static_cast<double>(sample.size());
  double statistic = 0, n_seen = 0, n_expected = 0, cells = 0, left = n, expected_left = n;
  for (int64_t cell = first; cell <= last; ++cell) {
    n_seen += counts[cell];
    n_expected += n * probability(cell);
    if (n_expected < 10) continue;
    statistic += (n_seen - n_expected) * (n_seen - n_expected) / n_expected;
    left -= n_seen;
    expected_left -= n_expected;
    n_seen = n_expected = 0;
    ++cells;
  }
  // Whatever is outside [first, last] or in a last rare cell.
  if (expected_left > 10) {
    statistic += (left - expected_left) * (left - expected_left) / expected_left;
    ++cells;
  } else if (left > 60) {
    return std::numeric_limits<double>::infinity();
  }
  // Wilson and Hilferty's quantile of chi-square; 3.719 is the normal's.
  const double freedom = cells - 1;
  const double root = 1 - 2 / (9 * freedom) + 3.719 * std::sqrt(2 / (9 * freedom));
  return statistic / (freedom * root * root * root);
}

double normal_cdf(double x, double mu, double sigma) { return 0.5 * std::erfc((mu - x) / sigma * M_SQRT1_2); }

class DistributionFit : public BackendTest {
 protected:
  std::vector<double> sample(const DistributionSpec& spec) {
    const int64_t n = pick(1'000'000, 20'000);
    const DeviceArray<DistributionSpec> specs(*backend_, context_, {spec});
    const DeviceArray<double> draws(*backend_, context_, std::vector<double>(n));
    backend_->sample_random(context_, specs.data(), 1, 0, n, draws.data());
    return draws.to_host();
  }
  void expect_continuous(const DistributionSpec& spec, const Cdf& cdf) {
    EXPECT_LT(kolmogorov_smirnov(sample(spec), cdf), kKolmogorovLimit);
  }
  /// That draws are round(X / q) * q exactly, with the distribution of X that `cdf` gives.
  void expect_quantised(const DistributionSpec& spec, const Cdf& cdf) {
    auto draws = sample(spec);
    double low = INFINITY, high = -INFINITY;
    for (double& x : draws) {
      const double cell = std::rint(x / spec.q);
      ASSERT_EQ(cell * spec.q, x) << "off the lattice";
      x = cell;
      low = std::min(low, cell);
      high = std::max(high, cell);
    }
    const auto probability = [&](int64_t cell) {
      return cdf((static_cast<double>(cell) + 0.5) * spec.q) - cdf((static_cast<double>(cell) - 0.5) * spec.q);
    };
    EXPECT_LT(chi_square_ratio(draws, static_cast<int64_t>(low), static_cast<int64_t>(high), probability), 1);
  }
};
LOCKSTEP_EVERY_BACKEND(DistributionFit);

TEST_P(DistributionFit, Choice) {
  EXPECT_LT(chi_square_ratio(sample({kChoice, 0, 0, 0, 7}), 0, 6, [](int64_t) { return 1 / 7.0; }), 1);
}

TEST_P(DistributionFit, RandInt) {
  EXPECT_LT(chi_square_ratio(sample({kRandInt, 0, 0, 0, 1000}), 0, 999, [](int64_t) { return 1e-3; }), 1);
}

TEST_P(DistributionFit, Int) {
  auto draws = sample({kInt, -10, 40, 5, 11});
  for (double& x : draws) x = (x + 10) / 5;
  EXPECT_LT(chi_square_ratio(draws, 0, 10, [](int64_t) { return 1 / 11.0; }), 1);
}

TEST_P(DistributionFit, LogInt) {
  const auto draws = sample({kLogInt, 1, 300, 0, 0});
  const double width = std::log(300.5) - std::log(0.5);
  EXPECT_LT(chi_square_ratio(draws, 1, 300,
                             [&](int64_t k) { return (std::log(k + 0.5) - std::log(k - 0.5)) / width; }),
            1);
  EXPECT_EQ(*std::min_element(draws.begin(), draws.end()), 1);
  EXPECT_EQ(*std::max_element(draws.begin(), draws.end()), 300);
}

TEST_P(DistributionFit, Uniform) {
  expect_continuous({kUniform, -2, 6, 0, 0}, [](double x) { return (x + 2) / 8; });
}

TEST_P(DistributionFit, QUniform) {
  expect_quantised({kQUniform, -2, 6, 0.3, 0}, [](double x) { return std::clamp((x + 2) / 8, 0.0, 1.0); });
}

TEST_P(DistributionFit, LogUniform) {
  expect_continuous({kLogUniform, -9, -1, 0, 0}, [](double x) { return (std::log(x) + 9) / 8; });
}

TEST_P(DistributionFit, QLogUniform) {
  expect_quantised({kQLogUniform, -1, 5, 2.5, 0},
                   [](double x) { return x <= 0 ? 0 : std::clamp((std::log(x) + 1) / 6, 0.0, 1.0); });
}

TEST_P(DistributionFit, LogUniformValues) {
  expect_continuous({kLogUniformValues, 1e-5, 10, 0, 0},
                    [](double x) { return std::log(x / 1e-5) / std::log(10 / 1e-5); });
}

TEST_P(DistributionFit, Normal) {
  expect_continuous({kNormal, 3, 0.5, 0, 0}, [](double x) { return normal_cdf(x, 3, 0.5); });
}

TEST_P(DistributionFit, QNormal) {
  expect_quantised({kQNormal, 3, 4, 0.7, 0}, [](double x) { return normal_cdf(x, 3, 4); });
}

TEST_P(DistributionFit, LogNormal) {
  expect_continuous({kLogNormal, -2, 1.5, 0, 0}, [](double x) { return normal_cdf(std::log(x), -2, 1.5); });
}

TEST_P(DistributionFit, QLogNormal) {
  expect_quantised({kQLogNormal, 1, 1, 0.5, 0},
                   [](double x) { return x <= 0 ? 0 : normal_cdf(std::log(x), 1, 1); });
}

// The yardsticks themselves: they must not take a distribution that is a little wrong.
TEST_P(DistributionFit, RejectsAWrongScaleAndAWrongCell) {
  if (GetParam() != DeviceKind::kCpu) GTEST_SKIP() << "says nothing about a device";
  const auto normal = sample({kNormal, 0, 1, 0, 0});
  EXPECT_GT(kolmogorov_smirnov(normal, [](double x) { return normal_cdf(x, 0, 1.02); }), kKolmogorovLimit);
  EXPECT_GT(kolmogorov_smirnov(normal, [](double x) { return normal_cdf(x, 0.01, 1); }), kKolmogorovLimit);
  const auto choice = sample({kChoice, 0, 0, 0, 7});
  EXPECT_GT(chi_square_ratio(choice, 0, 6, [](int64_t k) { return k < 6 ? 0.1443 : 0.1342; }), 1);
  EXPECT_GT(chi_square_ratio(choice, 0, 7, [](int64_t) { return 1 / 8.0; }), 1);
}

}  // namespace
}  // namespace lockstep::test
