// The logarithm of the expected improvement, against quadruple precision and mpmath.
#include "cuda/gp/improvement.h"

#include <gtest/gtest.h>
#include <quadmath.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <random>

#include "cuda/backend_test.h"
#include "cuda/gp_golden.h"

namespace lockstep::test {
namespace {

struct Exact {
  __float128 log_h, slope, density;
};

Exact exact_improvement(double z) {
  const __float128 x = z, two_pi = 2 * acosq(-1);
  if (z > -100) {  // quadruple precision has digits and exponents enough for the definition
    const __float128 phi = expq(-x * x / 2) / sqrtq(two_pi), cumulative = erfcq(-x / sqrtq(2)) / 2;
    const __float128 h = phi + x * cumulative;
    return {logq(h), cumulative / h, phi / h};
  }
  // h(-a) = phi(a) / a^2 (1 - 3 / a^2 + 3 5 / a^4 - ...).
  const __float128 square = x * x;
  __float128 sum = 1, term = 1;
  for (int i = 3; i < 17; i += 2) sum += term *= -i / square;
  const __float128 density = square / sum;
  return {-square / 2 - logq(two_pi) / 2 - logq(density), (density - 1) / -x, density};
}

double relative(double value, __float128 exact, double least) {
  return static_cast<double>(fabsq(value - exact) / std::max(fabsq(exact), static_cast<__float128>(least)));
}

TEST(GpImprovement, StaysWithinItsBound) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> unit(0, 1);
  double worst[3] = {}, at[3] = {};
  const auto look = [&](double z) {
    const Improvement got = improvement(z);
    const Exact exact = exact_improvement(z);
    const double errors[] = {relative(got.log_h, exact.log_h, 1), relative(got.slope, exact.slope, 0),
                             relative(got.density, exact.density, 1e-300)};
    for (int i = 0; i < 3; ++i) {
      if (errors[i] <= worst[i]) continue;
      worst[i] = errors[i];
      at[i] = z;
    }
  };
  for (int i = 0; i < 20'000; ++i) {
    for (const double z : {60 * unit(random) - 30, 6 * unit(random) - 3, -100 * unit(random),
                           -std::pow(10.0, 2 + 8 * unit(random)), std::pow(10.0, 3 * unit(random))}) {
      look(z);
    }
  }
  for (const double edge : {2.0, -2.0, 0.0, -100.0, 30.0, -30.0, 0.9}) {
    for (const double z : {edge, std::nextafter(edge, 1e9), std::nextafter(edge, -1e9)}) look(z);
  }
  for (int i = 0; i < 3; ++i) EXPECT_LT(worst[i], kImprovementError) << "of " << i << " at " << at[i];
  std::cout << "worst errors " << worst[0] << " " << worst[1] << " " << worst[2] << "\n";
}

TEST(GpImprovement, EqualsMpmath) {
  for (size_t i = 0; i < golden::kZ.size(); ++i) {
    EXPECT_NEAR(improvement(golden::kZ[i]).log_h / golden::kLogH[i], 1, 1e-14) << golden::kZ[i];
  }
}

TEST(GpImprovement, GivesTheLimits) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double large : {1e160, 1e300, 1.7e308, infinity}) {
    const Improvement up = improvement(large), down = improvement(-large);
    EXPECT_EQ(up.log_h, std::log(large));
    EXPECT_EQ(up.slope, 1 / large);
    EXPECT_EQ(up.density, 0);
    EXPECT_EQ(down.log_h, -infinity);
    EXPECT_GE(down.slope, 1e160);
    EXPECT_FALSE(std::isnan(down.density));
  }
  EXPECT_DOUBLE_EQ(improvement(-1e150).log_h, -0.5e300);
  const Improvement nothing = improvement(std::nan(""));
  EXPECT_TRUE(std::isnan(nothing.log_h) && std::isnan(nothing.slope) && std::isnan(nothing.density));
}

class GpLogImprovement : public BackendTest {
 protected:
  struct Result {
    std::vector<double> value, d_mean, d_deviation;
  };
  static Result run_on(const Backend& backend, const Context& context, const std::vector<double>& means,
                       const std::vector<double>& deviations, double best, bool derivatives = true) {
    const std::vector<double> empty(means.size());
    const DeviceArray<double> mean(backend, context, means), deviation(backend, context, deviations),
        value(backend, context, empty), d_mean(backend, context, empty), d_deviation(backend, context, empty);
    backend.gp_log_improvement(context, {static_cast<int64_t>(means.size()), mean.data(), deviation.data(), best,
                                         value.data(), derivatives ? d_mean.data() : nullptr,
                                         derivatives ? d_deviation.data() : nullptr});
    return {value.to_host(), d_mean.to_host(), d_deviation.to_host()};
  }
};
LOCKSTEP_EVERY_BACKEND(GpLogImprovement);

TEST_P(GpLogImprovement, EqualsItsDefinitionAndEveryBackend) {
  std::mt19937_64 random(2);
  std::uniform_real_distribution<double> unit(0, 1);
  std::vector<double> means, deviations;
  const double best = 1.5;
  for (int i = 0; i < 300; ++i) {
    deviations.push_back(std::pow(10.0, 8 * unit(random) - 7));
    const double z = i % 2 == 0 ? 8 * unit(random) - 5 : -std::pow(10.0, 8 * unit(random));
    means.push_back(best + z * deviations.back());
  }
  const Result got = run_on(*backend_, context_, means, deviations, best);
  const Result on_host = run_on(host_backend(), host_context(7), means, deviations, best);
  EXPECT_TRUE(same_bits(got.value, on_host.value));
  EXPECT_TRUE(same_bits(got.d_mean, on_host.d_mean));
  EXPECT_TRUE(same_bits(got.d_deviation, on_host.d_deviation));
  const Result alone = run_on(*backend_, context_, means, deviations, best, false);
  EXPECT_TRUE(same_bits(alone.value, got.value));
  EXPECT_TRUE(same_bits(alone.d_mean, std::vector<double>(means.size())));
  for (size_t i = 0; i < means.size(); ++i) {
    const double deviation = deviations[i], z = (means[i] - best) / deviation;
    const Exact exact = exact_improvement(z);
    EXPECT_LT(relative(got.value[i], logq(deviation) + exact.log_h, 1), 1e-12) << z;
    EXPECT_LT(relative(got.d_mean[i], exact.slope / deviation, 0), 1e-12) << z;
    EXPECT_LT(relative(got.d_deviation[i], exact.density / deviation, 0), 1e-12) << z;
  }
}

TEST_P(GpLogImprovement, DerivativesAreThoseOfTheValue) {
  const std::vector<double> means = {1, 0, -3, -40, -1e4, 20}, deviations = {1, 0.5, 0.7, 1.3, 2, 3};
  const double h = 1e-5;
  const auto value = [&](double by_mean, double by_deviation) {
    auto moved_means = means, moved_deviations = deviations;
    for (auto& each : moved_means) each += by_mean;
    for (auto& each : moved_deviations) each += by_deviation;
    return run_on(*backend_, context_, moved_means, moved_deviations, 0.3).value;
  };
  const Result got = run_on(*backend_, context_, means, deviations, 0.3);
  const auto mean_up = value(h, 0), mean_down = value(-h, 0), up = value(0, h), down = value(0, -h);
  for (size_t i = 0; i < means.size(); ++i) {
    EXPECT_NEAR((mean_up[i] - mean_down[i]) / (2 * h) / got.d_mean[i], 1, 1e-6) << i;
    EXPECT_NEAR((up[i] - down[i]) / (2 * h), got.d_deviation[i], 1e-6 * std::max(1.0, got.d_deviation[i])) << i;
  }
}

TEST_P(GpLogImprovement, WithoutPointsWritesNothing) {
  EXPECT_TRUE(run_on(*backend_, context_, {}, {}, 1).value.empty());
}

}  // namespace
}  // namespace lockstep::test
