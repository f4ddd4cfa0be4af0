// Fitted hyperparameters: better than where they started, and those that made the data.

#include <gtest/gtest.h>

#include <cmath>

#include "bayesian/gaussian_process.h"
#include "bayesian/golden.h"

namespace lockstep {
namespace {

using torch::Tensor;

/// A function of a process with these hyperparameters at `n` points, and its noise.
GpData drawn(int64_t n, const GpHyperparameters& hyperparameters) {
  torch::manual_seed(11);
  const auto n_columns = static_cast<int64_t>(hyperparameters.lengthscales.size());
  GpData data{torch::rand({n, n_columns}, torch::kDouble), {}, torch::arange(n_columns, torch::kLong)};
  Tensor covariance = gp_covariance(data.x, data.x, data.groups, hyperparameters);
  covariance.diagonal().add_(hyperparameters.noise_variance);
  data.y = at::linalg_cholesky(covariance).mv(torch::randn({n}, torch::kDouble));
  data.y = (data.y - data.y.mean()) / data.y.std();
  return data;
}

TEST(GpFit, FindsWhatTheDataWereMadeWith) {
  const GpHyperparameters truth{{0.2, 0.6, 2.0}, 1.0, 1e-2};
  const GpHyperparameters found = gp_fit(drawn(300, truth), {});
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(std::log(found.lengthscales[i] / truth.lengthscales[i]), 0, 0.6) << i;
  EXPECT_LT(found.lengthscales[0], found.lengthscales[1]);
  EXPECT_LT(found.lengthscales[1], found.lengthscales[2]);
  EXPECT_NEAR(std::log(found.noise_variance / truth.noise_variance), 0, 0.8);
}

TEST(GpFit, IsTheSameEveryTimeAndNoWorseFromAWarmStart) {
  const GpData data = drawn(80, {{0.3, 0.3}, 1.0, 1e-3});
  const GpHyperparameters once = gp_fit(data, {}), again = gp_fit(data, {});
  EXPECT_EQ(once.lengthscales, again.lengthscales);
  const GpHyperparameters poor{{3.0, 0.05}, 0.2, 0.5};
  const GpHyperparameters warm = gp_fit(data, {}, &poor);
  EXPECT_GE(gp_likelihood(data, warm).value, gp_likelihood(data, once).value - 1);
}

TEST(GpFit, LooksAtAPartOfManyRows) {
  const GpHyperparameters truth{{0.25, 0.8}, 1.0, 1e-3};
  GpFitOptions options;
  options.max_rows = 100;
  const GpHyperparameters found = gp_fit(drawn(600, truth), options);
  for (size_t i = 0; i < 2; ++i) EXPECT_NEAR(std::log(found.lengthscales[i] / truth.lengthscales[i]), 0, 0.9) << i;
}

TEST(GpFit, TakesDataWithoutASlope) {
  GpData data = drawn(20, {{0.3, 0.3}, 1.0, 1e-3});
  data.y = torch::zeros({20}, torch::kDouble);
  const GpHyperparameters found = gp_fit(data, {});
  EXPECT_TRUE(std::isfinite(found.outputscale));
  EXPECT_GT(found.noise_variance, 0);
  EXPECT_EQ(GaussianProcess(data, found).mean(data.x).abs().max().item<double>(), 0);
}

}  // namespace
}  // namespace lockstep
