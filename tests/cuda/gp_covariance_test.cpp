// Covariances and the lengthscales' gradient, against sums in long double, and what follows from them against other
// programs' posterior and likelihood.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "cuda/backend_test.h"
#include "cuda/gp_golden.h"

namespace lockstep::test {
namespace {

struct Hyperparameters {
  std::vector<double> inverse_lengthscales;
  double outputscale = 1;
  int64_t n_dims() const { return static_cast<int64_t>(inverse_lengthscales.size()); }
};

std::vector<double> uniforms(int64_t n, uint32_t seed, double from = 0, double to = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> value(from, to);
  std::vector<double> out(static_cast<size_t>(n));
  for (auto& each : out) each = value(random);
  return out;
}

Hyperparameters hyperparameters(int64_t n_dims, uint32_t seed) { return {uniforms(n_dims, seed, 0.3, 6), 1.7}; }

std::vector<double> covariance_on(const Backend& backend, const Context& context, const Hyperparameters& of,
                                  const std::vector<double>& a, const std::vector<double>& b) {
  const int64_t n_a = static_cast<int64_t>(a.size()) / of.n_dims(), n_b = static_cast<int64_t>(b.size()) / of.n_dims();
  const DeviceArray<double> inverse(backend, context, of.inverse_lengthscales), on_a(backend, context, a),
      on_b(backend, context, b), out(backend, context, std::vector<double>(static_cast<size_t>(n_a * n_b)));
  backend.gp_covariance(context, {of.n_dims(), inverse.data(), of.outputscale}, on_a.data(), n_a, on_b.data(), n_b,
                        out.data());
  return out.to_host();
}

std::vector<double> gradient_on(const Backend& backend, const Context& context, const Hyperparameters& of,
                                const std::vector<double>& x, const std::vector<double>& weights) {
  const DeviceArray<double> inverse(backend, context, of.inverse_lengthscales), points(backend, context, x),
      of_pairs(backend, context, weights), out(backend, context, std::vector<double>(x.size()));
  backend.gp_lengthscale_gradient(context, {of.n_dims(), inverse.data(), of.outputscale}, points.data(),
                                  static_cast<int64_t>(x.size()) / of.n_dims(), of_pairs.data(), out.data());
  return out.to_host();
}

long double square_along(const Hyperparameters& of, const double* a, const double* b, int64_t dim) {
  const long double difference = (static_cast<long double>(a[dim]) - b[dim]) * of.inverse_lengthscales[dim];
  return difference * difference;
}

long double exact_z(const Hyperparameters& of, const double* a, const double* b) {
  long double sum = 0;
  for (int64_t d = 0; d < of.n_dims(); ++d) sum += square_along(of, a, b, d);
  return std::sqrt(5 * sum);
}

class GpCovariance : public BackendTest {
 protected:
  std::vector<double> run(const Hyperparameters& of, const std::vector<double>& a, const std::vector<double>& b) {
    return covariance_on(*backend_, context_, of, a, b);
  }
};
LOCKSTEP_EVERY_BACKEND(GpCovariance);

TEST_P(GpCovariance, EqualsItsDefinitionAndEveryBackend) {
  for (const int64_t n_dims : {1, 3, 20}) {
    const Hyperparameters of = hyperparameters(n_dims, 1);
    for (const int64_t n_a : {1, 5, 33}) {
      for (const int64_t n_b : {1, 31, 32, 70}) {
        const auto a = uniforms(n_a * n_dims, 2), b = uniforms(n_b * n_dims, 3);
        const auto got = run(of, a, b);
        EXPECT_TRUE(same_bits(got, covariance_on(host_backend(), host_context(7), of, a, b)));
        for (int64_t i = 0; i < n_a; ++i) {
          for (int64_t j = 0; j < n_b; ++j) {
            const long double z = exact_z(of, a.data() + i * n_dims, b.data() + j * n_dims);
            const long double exact = of.outputscale * (1 + z + z * z / 3) * std::exp(-z);
            ASSERT_NEAR(got[static_cast<size_t>(i * n_b + j)], exact, 1e-14 * of.outputscale) << n_dims << " " << i << " " << j;
          }
        }
      }
    }
  }
}

TEST_P(GpCovariance, OfPointsWithThemselvesIsExactOnTheDiagonalAndSymmetric) {
  const Hyperparameters of = hyperparameters(7, 1);
  const int64_t n = 45;
  auto x = uniforms(n * 7, 2);
  std::copy_n(x.begin(), 7, x.begin() + 40 * 7);  // twice the same point
  x[40 * 7 + 7] = 1e-300;
  const auto got = run(of, x, x);
  for (int64_t i = 0; i < n; ++i) {
    EXPECT_EQ(got[static_cast<size_t>(i * n + i)], of.outputscale);
    for (int64_t j = 0; j < n; ++j) {
      EXPECT_EQ(got[static_cast<size_t>(i * n + j)], got[static_cast<size_t>(j * n + i)]);
    }
  }
  EXPECT_EQ(got[40], of.outputscale);
}

TEST_P(GpCovariance, IsZeroFarAwayAndLosesNothingNearby) {
  const Hyperparameters of{{1.0}, 1.0};
  const auto got = run(of, {0.0}, {1e-9, 1e-300, 20.0, 1e5, 1e200, 1.7e308, std::nan("")});
  EXPECT_EQ(got[0], 1.0);
  EXPECT_EQ(got[1], 1.0);
  EXPECT_NEAR(got[2] / ((1 + 20 * std::sqrt(5.0) + 2000.0 / 3) * std::exp(-20 * std::sqrt(5.0))), 1, 1e-13);
  for (size_t i = 3; i < 6; ++i) EXPECT_EQ(got[i], 0) << i;
  EXPECT_TRUE(std::isnan(got[6]));
}

TEST_P(GpCovariance, WithoutPointsWritesNothing) {
  const Hyperparameters of = hyperparameters(2, 1);
  EXPECT_TRUE(run(of, {}, uniforms(6, 1)).empty());
  EXPECT_TRUE(run(of, uniforms(6, 1), {}).empty());
  EXPECT_TRUE(run(of, {}, {}).empty());
}

class GpLengthscaleGradient : public BackendTest {
 protected:
  std::vector<double> run(const Hyperparameters& of, const std::vector<double>& x, const std::vector<double>& weights) {
    return gradient_on(*backend_, context_, of, x, weights);
  }
};
LOCKSTEP_EVERY_BACKEND(GpLengthscaleGradient);

std::vector<double> symmetric_weights(int64_t n, uint32_t seed) {
  auto weights = uniforms(n * n, seed, -1, 1);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < i; ++j) weights[static_cast<size_t>(i * n + j)] = weights[static_cast<size_t>(j * n + i)];
  }
  return weights;
}

TEST_P(GpLengthscaleGradient, EqualsItsDefinitionAndEveryBackend) {
  for (const int64_t n_dims : {1, 4, 20}) {
    const Hyperparameters of = hyperparameters(n_dims, 1);
    for (const int64_t n : {1, 2, 31, 33, 256, 290}) {
      if (n > 33 && n_dims == 20 && GetParam() != DeviceKind::kCpu) continue;
      auto x = uniforms(n * n_dims, 2);
      if (n > 30) std::copy_n(x.begin(), n_dims, x.begin() + 20 * n_dims);
      const auto weights = symmetric_weights(n, 3);
      const auto got = run(of, x, weights);
      EXPECT_TRUE(same_bits(got, gradient_on(host_backend(), host_context(7), of, x, weights)));
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t d = 0; d < n_dims; ++d) {
          long double exact = 0, size = 0;
          for (int64_t j = 0; j < n; ++j) {
            const double *a = x.data() + i * n_dims, *b = x.data() + j * n_dims;
            const long double z = exact_z(of, a, b);
            const long double term = weights[static_cast<size_t>(i * n + j)] * of.outputscale * 5 / 3 * (1 + z) *
                                     std::exp(-z) * square_along(of, a, b, d);
            exact += term;
            size += std::abs(term);
          }
          ASSERT_NEAR(got[static_cast<size_t>(i * n_dims + d)], exact, 1e-14 * size) << n << " " << i << " " << d;
        }
      }
    }
  }
}

TEST_P(GpLengthscaleGradient, IsTheDerivativeOfTheWeightedSumOfCovariances) {
  const int64_t n = 12, n_dims = 3;
  const Hyperparameters of = hyperparameters(n_dims, 4);
  const auto x = uniforms(n * n_dims, 5), weights = symmetric_weights(n, 6);
  const auto got = run(of, x, weights);
  for (int64_t d = 0; d < n_dims; ++d) {
    const auto weighted = [&](double change) {
      Hyperparameters moved = of;
      moved.inverse_lengthscales[static_cast<size_t>(d)] *= std::exp(-change);
      const auto covariances = covariance_on(*backend_, context_, moved, x, x);
      double sum = 0;
      for (size_t i = 0; i < weights.size(); ++i) sum += weights[i] * covariances[i];
      return sum;
    };
    double derivative = 0;
    for (int64_t i = 0; i < n; ++i) derivative += got[static_cast<size_t>(i * n_dims + d)];
    EXPECT_NEAR(derivative, (weighted(1e-5) - weighted(-1e-5)) / 2e-5, 1e-8);
  }
}

TEST_P(GpLengthscaleGradient, WithoutPointsWritesNothing) {
  EXPECT_TRUE(run(hyperparameters(2, 1), {}, {}).empty());
}

/// K + noise, factored in long double: what a fit does with the covariances.
class Posterior {
 public:
  Posterior(const std::vector<double>& covariances, const std::vector<double>& observations, double noise)
      : n_(observations.size()), lower_(n_ * n_) {
    for (size_t i = 0; i < n_; ++i) {
      for (size_t j = 0; j <= i; ++j) {
        long double sum = covariances[i * n_ + j] + (i == j ? static_cast<long double>(noise) : 0);
        for (size_t k = 0; k < j; ++k) sum -= lower_[i * n_ + k] * lower_[j * n_ + k];
        lower_[i * n_ + j] = i == j ? std::sqrt(sum) : sum / lower_[j * n_ + j];
      }
    }
    solved_ = solve({observations.begin(), observations.end()});
  }
  std::vector<long double> solve(std::vector<long double> x) const {
    for (size_t i = 0; i < n_; ++i) {
      for (size_t k = 0; k < i; ++k) x[i] -= lower_[i * n_ + k] * x[k];
      x[i] /= lower_[i * n_ + i];
    }
    for (size_t i = n_; i-- > 0;) {
      for (size_t k = i + 1; k < n_; ++k) x[i] -= lower_[k * n_ + i] * x[k];
      x[i] /= lower_[i * n_ + i];
    }
    return x;
  }
  /// The inverse of K + noise applied to the observations.
  const std::vector<long double>& solved() const { return solved_; }
  std::pair<double, double> mean_and_variance(const double* cross, double outputscale) const {
    const auto by_cross = solve({cross, cross + n_});
    long double mean = 0, variance = outputscale;
    for (size_t i = 0; i < n_; ++i) {
      mean += cross[i] * solved_[i];
      variance -= cross[i] * by_cross[i];
    }
    return {static_cast<double>(mean), static_cast<double>(variance)};
  }

 private:
  size_t n_;
  std::vector<long double> lower_, solved_;
};

Hyperparameters golden_hyperparameters() {
  Hyperparameters of{{}, golden::kOutputscale};
  for (const double lengthscale : golden::kLengthscales) of.inverse_lengthscales.push_back(1 / lengthscale);
  return of;
}

constexpr double kGoldenTolerance = 1e-10;

TEST_P(GpCovariance, GivesOtherProgramsPosterior) {
  const Hyperparameters of = golden_hyperparameters();
  const Posterior posterior(run(of, golden::kPoints, golden::kPoints), golden::kObservations, golden::kNoiseVariance);
  const auto cross = run(of, golden::kTestPoints, golden::kPoints);
  for (size_t i = 0; i < golden::kMean.size(); ++i) {
    const auto [mean, variance] = posterior.mean_and_variance(cross.data() + i * 8, of.outputscale);
    EXPECT_NEAR(mean, golden::kMean[i], kGoldenTolerance);
    EXPECT_NEAR(variance, golden::kVariance[i], kGoldenTolerance);
  }
}

TEST_P(GpCovariance, OfCategoriesAsColumnsIsTheHammingKernel) {
  Hyperparameters of = golden_hyperparameters();
  of.inverse_lengthscales.resize(6, 1 / golden::kCategoryLengthscale);
  const auto encode = [](const std::vector<double>& points, const std::vector<int>& categories) {
    std::vector<double> out;
    for (size_t i = 0; i < categories.size(); ++i) {
      out.insert(out.end(), points.begin() + static_cast<int64_t>(i) * 3, points.begin() + static_cast<int64_t>(i) * 3 + 3);
      for (int value = 0; value < 3; ++value) out.push_back(categories[i] == value ? std::sqrt(0.5) : 0);
    }
    return out;
  };
  const auto x = encode(golden::kPoints, golden::kCategories);
  const Posterior posterior(run(of, x, x), golden::kObservations, golden::kNoiseVariance);
  const auto cross = run(of, encode(golden::kTestPoints, golden::kTestCategories), x);
  for (size_t i = 0; i < golden::kMixedMean.size(); ++i) {
    const auto [mean, variance] = posterior.mean_and_variance(cross.data() + i * 8, of.outputscale);
    EXPECT_NEAR(mean, golden::kMixedMean[i], kGoldenTolerance);
    EXPECT_NEAR(variance, golden::kMixedVariance[i], kGoldenTolerance);
  }
}

TEST_P(GpLengthscaleGradient, GivesOtherProgramsGradientOfTheLikelihood) {
  const Hyperparameters of = golden_hyperparameters();
  const size_t n = golden::kObservations.size();
  const Posterior posterior(covariance_on(*backend_, context_, of, golden::kPoints, golden::kPoints),
                            golden::kObservations, golden::kNoiseVariance);
  std::vector<double> weights(n * n);
  for (size_t i = 0; i < n; ++i) {
    std::vector<long double> unit(n);
    unit[i] = 1;
    const auto inverse = posterior.solve(unit);
    for (size_t j = 0; j < n; ++j) {
      weights[i * n + j] =
          static_cast<double>((posterior.solved()[i] * posterior.solved()[j] - inverse[j]) / 2);
    }
  }
  const auto got = run(of, golden::kPoints, weights);
  for (size_t d = 0; d < 3; ++d) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i) sum += got[i * 3 + d];
    EXPECT_NEAR(sum, golden::kLikelihoodGradient[d], kGoldenTolerance);
  }
}

/// The logarithm of the expected improvement at a point, all the way from the covariances.
TEST_P(GpCovariance, GivesOtherProgramsLogImprovementAndItsGradient) {
  const Hyperparameters of = golden_hyperparameters();
  const Posterior posterior(run(of, golden::kPoints, golden::kPoints), golden::kObservations, golden::kNoiseVariance);
  const auto log_improvement = [&](const std::vector<double>& points, double best) {
    const auto cross = run(of, points, golden::kPoints);
    std::vector<double> means, deviations;
    for (size_t i = 0; i < points.size() / 3; ++i) {
      const auto [mean, variance] = posterior.mean_and_variance(cross.data() + i * 8, of.outputscale);
      means.push_back(mean);
      deviations.push_back(std::sqrt(variance));
    }
    const DeviceArray<double> mean(*backend_, context_, means), deviation(*backend_, context_, deviations),
        value(*backend_, context_, std::vector<double>(means.size()));
    backend_->gp_log_improvement(context_, {static_cast<int64_t>(means.size()), mean.data(), deviation.data(), best,
                                            value.data(), nullptr, nullptr});
    return value.to_host();
  };
  const auto value = log_improvement(golden::kTestPoints, golden::kBest);
  const auto over_50 = log_improvement(golden::kTestPoints, 50);
  for (size_t i = 0; i < value.size(); ++i) {
    EXPECT_NEAR(value[i], golden::kLogImprovement[i], kGoldenTolerance);
    EXPECT_NEAR(over_50[i] / golden::kLogImprovementOver50[i], 1, kGoldenTolerance);
  }
  for (size_t d = 0; d < 3; ++d) {
    const auto moved = [&](double by) {
      auto points = golden::kTestPoints;
      for (size_t i = d; i < points.size(); i += 3) points[i] += by;
      return log_improvement(points, golden::kBest);
    };
    const auto up = moved(1e-5), down = moved(-1e-5);
    for (size_t i = 0; i < value.size(); ++i) {
      EXPECT_NEAR((up[i] - down[i]) / 2e-5, golden::kLogImprovementGradient[i * 3 + d], 1e-5);
    }
  }
}

}  // namespace
}  // namespace lockstep::test
