// Functions drawn from a posterior: their distribution is the exact one, and climbing them goes up.

#include "bayesian/posterior_draws.h"

#include <gtest/gtest.h>

#include <ATen/CPUGeneratorImpl.h>

#include "bayesian/golden.h"

namespace lockstep {
namespace {

using namespace lockstep::testing;
using torch::Tensor;

TEST(PosteriorFunctions, HaveTheExactMeanAndCovariance) {
  const GaussianProcess process(golden_data(), golden_hyperparameters());
  const Tensor points = golden_points();
  auto generator = at::make_generator<at::CPUGeneratorImpl>(5);
  // Many bases: the draws of one share the error of its features.
  std::vector<Tensor> values;
  for (int i = 0; i < 40; ++i) {
    values.push_back(PosteriorFunctions(process, 500, generator).values(points).to(torch::kDouble));
  }
  const Tensor draws = torch::cat(values, 1);  // [m, 20000]
  ASSERT_EQ(draws.size(1), 20000);
  const Tensor variance = process.variance(points);
  const Tensor error_of_mean = (draws.mean(1) - process.mean(points)).abs() / (variance / 20000).sqrt();
  EXPECT_LT(error_of_mean.max().item<double>(), 6) << error_of_mean;
  const Tensor expected = process.covariance(points);
  const Tensor scale = variance.outer(variance).sqrt();
  EXPECT_LT(((at::cov(draws) - expected) / scale).abs().max().item<double>(), 0.06);
}

TEST(PosteriorFunctions, SpreadAroundTheMeanAsTheyAreTold) {
  const GaussianProcess process(golden_data(), golden_hyperparameters());
  const Tensor points = golden_points();
  const Tensor spread = torch::tensor({0.0, 0.5}, torch::kDouble).repeat({100});
  std::vector<Tensor> halved;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(5);
  for (int i = 0; i < 40; ++i) {
    const PosteriorFunctions functions(process, 200, generator, PosteriorFunctions::kFeatures, spread);
    const Tensor pairs = functions.values(points).to(torch::kDouble).view({points.size(0), 100, 2});
    EXPECT_LT(largest_difference(pairs.select(2, 0), process.mean(points).unsqueeze(1).expand({points.size(0), 100})), 1e-4);
    halved.push_back(pairs.select(2, 1));
  }
  const Tensor ratio = torch::cat(halved, 1).var(1) / process.variance(points);
  EXPECT_LT((ratio - 0.25).abs().max().item<double>(), 0.05) << ratio;
}

TEST(PosteriorFunctions, GoThroughTheDataWhereThereIsNoNoise) {
  GpHyperparameters hyperparameters = golden_hyperparameters();
  hyperparameters.noise_variance = 1e-8;
  const GaussianProcess process(golden_data(), hyperparameters);
  auto generator = at::make_generator<at::CPUGeneratorImpl>(5);
  const Tensor values = PosteriorFunctions(process, 50, generator).values(golden_data().x).to(torch::kDouble);
  EXPECT_LT(largest_difference(values, golden_data().y.unsqueeze(1).expand({8, 50})), 2e-3);
}

TEST(PosteriorFunctions, AreClimbedEachFromItsOwnStart) {
  const GaussianProcess process(golden_data(), golden_hyperparameters());
  auto generator = at::make_generator<at::CPUGeneratorImpl>(5);
  const PosteriorFunctions functions(process, 64, generator);
  const Tensor start = torch::rand({64, 3}, generator, torch::kDouble);
  const Tensor lower = (start - 0.2).clamp(0, 1), upper = (start + 0.2).clamp(0, 1);
  const auto own = [&](const Tensor& points) { return functions.values(points).diagonal().to(torch::kDouble); };
  const auto [there, at_start] = functions.climb(start, lower, upper, 0);
  EXPECT_LT(largest_difference(there, start), 1e-6);
  EXPECT_LT(largest_difference(at_start, own(start)), 1e-3);
  const auto [best, value] = functions.climb(start, lower, upper, 40);
  EXPECT_LT(largest_difference(value, own(best)), 1e-3);
  EXPECT_TRUE(best.ge(lower - 1e-6).logical_and(best.le(upper + 1e-6)).all().item<bool>());
  EXPECT_GT((own(best) - own(start)).min().item<double>(), -1e-3);
  EXPECT_GT((own(best) - own(start)).mean().item<double>(), 0.3);
  // No point of a fine grid in the box is much better.
  const Tensor grid = torch::rand({4000, 3}, generator, torch::kDouble);
  double shortfall = 0;
  for (int64_t i = 0; i < 8; ++i) {
    const Tensor inside = lower[i] + (upper[i] - lower[i]) * grid;
    shortfall += std::max(0.0, (functions.values(inside).select(1, i).max() - value[i]).item<double>());
  }
  EXPECT_LT(shortfall / 8, 0.05);
}

}  // namespace
}  // namespace lockstep
