// The Gaussian process against values of BoTorch and scikit-learn.

#include "bayesian/gaussian_process.h"

#include <gtest/gtest.h>

#include "bayesian/golden.h"

namespace lockstep {
namespace {

using namespace lockstep::testing;
using torch::Tensor;

TEST(GaussianProcess, PosteriorIsThatOfBoTorch) {
  const GaussianProcess process(golden_data(), golden_hyperparameters());
  const auto& posterior = golden()["posterior"];
  EXPECT_LT(largest_difference(process.mean(golden_points()), tensor_of(posterior["mean"])), kGoldenTolerance);
  EXPECT_LT(largest_difference(process.variance(golden_points()), tensor_of(posterior["variance"])), kGoldenTolerance);
  EXPECT_LT(largest_difference(process.covariance(golden_points()), tensor_of(posterior["covariance"])),
            kGoldenTolerance);
  EXPECT_EQ(process.n_raised(), 0);
}

TEST(GaussianProcess, LikelihoodAndItsGradientAreThoseOfBoTorch) {
  const GpLikelihood found = gp_likelihood(golden_data(), golden_hyperparameters());
  const auto& expected = golden()["mll"];
  EXPECT_NEAR(found.value, expected["value"].get<double>(), kGoldenTolerance);
  const auto& gradient = expected["gradient_log"];
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(found.d_log_lengthscales[i], gradient["lengthscales"][i].get<double>(), kGoldenTolerance);
  }
  EXPECT_NEAR(found.d_log_outputscale, gradient["outputscale"].get<double>(), kGoldenTolerance);
  EXPECT_NEAR(found.d_log_noise_variance, gradient["noise_variance"].get<double>(), kGoldenTolerance);
}

TEST(GaussianProcess, BelievedPointsExtendItAsIfItHadSeenThem) {
  const GaussianProcess process(golden_data(), golden_hyperparameters());
  const auto& expected = golden()["pending_believer"];
  const Tensor pending = tensor_of(expected["X_pending"]);
  EXPECT_LT(largest_difference(process.mean(pending), tensor_of(expected["fantasy"])), kGoldenTolerance);
  const GaussianProcess believed = process.with_believed(pending);
  EXPECT_LT(largest_difference(believed.mean(golden_points()), tensor_of(expected["mean"])), kGoldenTolerance);
  EXPECT_LT(largest_difference(believed.variance(golden_points()), tensor_of(expected["variance"])), kGoldenTolerance);
}

/// The last column of the golden mixed points is a category, 0 to 2: here a column each.
Tensor with_categories(const nlohmann::json& points) {
  const Tensor numbers = tensor_of(points);
  const Tensor chosen = torch::one_hot(numbers.select(1, 3).to(torch::kLong), 3).to(torch::kDouble);
  return torch::cat({numbers.narrow(1, 0, 3), chosen * std::sqrt(0.5)}, 1);
}

TEST(GaussianProcess, CategoriesAreAtHammingsDistance) {
  const auto& mixed = golden()["mixed_hamming"];
  GpHyperparameters hyperparameters = golden_hyperparameters();
  hyperparameters.lengthscales = mixed["lengthscales"].get<std::vector<double>>();
  const GaussianProcess process({with_categories(mixed["X"]), tensor_of(golden()["inputs"]["y"]),
                                 torch::tensor({0, 1, 2, 3, 3, 3}, torch::kLong)},
                                hyperparameters);
  const Tensor points = with_categories(mixed["X_test"]);
  EXPECT_LT(largest_difference(process.mean(points), tensor_of(mixed["mean"])), kGoldenTolerance);
  EXPECT_LT(largest_difference(process.variance(points), tensor_of(mixed["variance"])), kGoldenTolerance);
}

TEST(GaussianProcess, GradientOfTheLikelihoodIsItsSlopeWithSharedLengthscales) {
  torch::manual_seed(3);
  const Tensor x = torch::rand({40, 5}, torch::kDouble);
  const GpData data{x, torch::sin(x.sum(1) * 3), torch::tensor({0, 1, 1, 1, 2}, torch::kLong)};
  const GpHyperparameters at{{0.4, 0.9, 2.0}, 1.3, 1e-3};
  const GpLikelihood found = gp_likelihood(data, at);
  constexpr double kStep = 1e-5;
  const auto slope = [&](const std::function<void(GpHyperparameters&, double)>& change) {
    GpHyperparameters above = at, below = at;
    change(above, std::exp(kStep));
    change(below, std::exp(-kStep));
    return (gp_likelihood(data, above).value - gp_likelihood(data, below).value) / (2 * kStep);
  };
  for (size_t i = 0; i < 3; ++i) {
    const double expected = slope([&](GpHyperparameters& h, double factor) { h.lengthscales[i] *= factor; });
    EXPECT_NEAR(found.d_log_lengthscales[i], expected, 1e-5 * (1 + std::abs(expected))) << i;
  }
  EXPECT_NEAR(found.d_log_outputscale, slope([](GpHyperparameters& h, double factor) { h.outputscale *= factor; }), 1e-5);
  EXPECT_NEAR(found.d_log_noise_variance, slope([](GpHyperparameters& h, double factor) { h.noise_variance *= factor; }),
              1e-4);
}

TEST(GaussianProcess, RaisesTheNoiseWhereItsCovarianceCannotBeFactorised) {
  // The same point many times, without noise.
  const Tensor x = torch::full({30, 2}, 0.5, torch::kDouble);
  const GaussianProcess process({x, torch::ones({30}, torch::kDouble), torch::arange(2, torch::kLong)},
                                {{0.5, 0.5}, 1.0, 1e-18});
  EXPECT_GT(process.n_raised(), 0);
  EXPECT_GT(process.hyperparameters().noise_variance, 1e-18);
  EXPECT_NEAR(process.mean(x.narrow(0, 0, 1)).item<double>(), 1, 1e-3);
  const GpData broken{x, torch::full({30}, NAN, torch::kDouble), torch::arange(2, torch::kLong)};
  EXPECT_THROW(GaussianProcess({x * NAN, broken.y, broken.groups}, {{0.5, 0.5}, 1.0, 1e-3}), DeviceError);
}

TEST(GaussianProcess, BelievesAPointThatItHasSeen) {
  const GaussianProcess process(golden_data(), golden_hyperparameters());
  const Tensor again = torch::cat({golden_data().x.narrow(0, 2, 1), golden_data().x.narrow(0, 2, 1)});
  const GaussianProcess believed = process.with_believed(again);
  EXPECT_LT(largest_difference(believed.mean(golden_points()), process.mean(golden_points())), 1e-9);
  EXPECT_TRUE(believed.variance(golden_points()).le(process.variance(golden_points()) + 1e-12).all().item<bool>());
}

}  // namespace
}  // namespace lockstep
