// Draws' climbs, against the same steps in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

#include "cuda/backend_test.h"

namespace lockstep::test {
namespace {

std::vector<float> uniforms(int64_t n, std::mt19937& random, float from = 0, float to = 1) {
  std::uniform_real_distribution<float> value(from, to);
  std::vector<float> out(static_cast<size_t>(n));
  for (auto& each : out) each = value(random);
  return out;
}

/// Draws and their boxes in host memory. Weights [n_draws, n].
struct Case {
  int64_t n_dims, n_draws, n_points, n_features;
  float outputscale = 1.3f, feature_scale = 0.2f;
  std::vector<float> inverse_lengthscales, points, frequencies, phases, feature_weights, update_weights;
  std::vector<float> start, lower, upper;
  int64_t n_steps = 5;

  Case(int64_t a_n_dims, int64_t a_n_draws, int64_t a_n_points, int64_t a_n_features, uint32_t seed = 1)
      : n_dims(a_n_dims), n_draws(a_n_draws), n_points(a_n_points), n_features(a_n_features) {
    std::mt19937 random(seed);
    inverse_lengthscales = uniforms(n_dims, random, 0.5f, 3);
    points = uniforms(n_dims * n_points, random);
    frequencies = uniforms(n_dims * n_features, random, -1.5f, 1.5f);
    phases = uniforms(n_features, random);
    feature_weights = uniforms(n_draws * n_features, random, -1, 1);
    update_weights = uniforms(n_draws * n_points, random, -1, 1);
    lower = uniforms(n_draws * n_dims, random, 0, 0.3f);
    upper = uniforms(n_draws * n_dims, random, 0.6f, 1);
    const auto part = uniforms(n_draws * n_dims, random);
    for (size_t i = 0; i < part.size(); ++i) start.push_back(lower[i] + part[i] * (upper[i] - lower[i]));
  }
  /// The draws [first, first + n) alone.
  Case some(int64_t first, int64_t n) const {
    Case out = *this;
    out.n_draws = n;
    const auto cut = [&](std::vector<float>& of, int64_t size) {
      of = {of.begin() + first * size, of.begin() + (first + n) * size};
    };
    cut(out.feature_weights, n_features);
    cut(out.update_weights, n_points);
    for (auto* of : {&out.start, &out.lower, &out.upper}) cut(*of, n_dims);
    return out;
  }
};

struct Climbed {
  std::vector<float> best, value;
};

::testing::AssertionResult same_bits(const Climbed& a, const Climbed& b) {
  const auto best = test::same_bits(a.best, b.best);
  return best ? test::same_bits(a.value, b.value) : best;
}

std::vector<float> transposed(const std::vector<float>& rows, int64_t n_rows, int64_t n_columns) {
  std::vector<float> out(rows.size());
  for (int64_t i = 0; i < n_rows; ++i) {
    for (int64_t j = 0; j < n_columns; ++j) {
      out[static_cast<size_t>(j * n_rows + i)] = rows[static_cast<size_t>(i * n_columns + j)];
    }
  }
  return out;
}

/// `draws_together`: weights of an index lie side by side, else those of a draw.
Climbed climb_on(const Backend& backend, const Context& context, const Case& of, bool draws_together = false) {
  const auto weights = [&](const std::vector<float>& rows, int64_t n) {
    return draws_together ? transposed(rows, of.n_draws, n) : rows;
  };
  const DeviceArray<float> inverse(backend, context, of.inverse_lengthscales), points(backend, context, of.points),
      frequencies(backend, context, of.frequencies), phases(backend, context, of.phases),
      feature_weights(backend, context, weights(of.feature_weights, of.n_features)),
      update_weights(backend, context, weights(of.update_weights, of.n_points)), start(backend, context, of.start),
      lower(backend, context, of.lower), upper(backend, context, of.upper),
      best(backend, context, std::vector<float>(of.start.size())),
      value(backend, context, std::vector<float>(static_cast<size_t>(of.n_draws)));
  PosteriorDraws draws;
  draws.n_dims = of.n_dims;
  draws.n_draws = of.n_draws;
  draws.n_points = of.n_points;
  draws.n_features = of.n_features;
  draws.inverse_lengthscales = inverse.data();
  draws.outputscale = of.outputscale;
  draws.points = points.data();
  draws.frequencies = frequencies.data();
  draws.phases = phases.data();
  draws.feature_scale = of.feature_scale;
  draws.feature_weights = feature_weights.data();
  draws.feature_draw_stride = draws_together ? 1 : of.n_features;
  draws.feature_index_stride = draws_together ? of.n_draws : 1;
  draws.update_weights = update_weights.data();
  draws.update_draw_stride = draws_together ? 1 : of.n_points;
  draws.update_index_stride = draws_together ? of.n_draws : 1;
  DrawClimb climb;
  climb.start = start.data();
  climb.lower = lower.data();
  climb.upper = upper.data();
  climb.n_steps = of.n_steps;
  climb.best = best.data();
  climb.value = value.data();
  backend.gp_climb(context, draws, climb);
  return {best.to_host(), value.to_host()};
}

/// A draw's value and gradient, by the definition.
double exact_value(const Case& of, int64_t draw, const std::vector<double>& x, std::vector<double>* gradient = nullptr) {
  const auto n_dims = static_cast<size_t>(of.n_dims), n_points = static_cast<size_t>(of.n_points),
             n_features = static_cast<size_t>(of.n_features), s = static_cast<size_t>(draw);
  if (gradient) gradient->assign(n_dims, 0);
  double sum = 0;
  for (size_t f = 0; f < n_features; ++f) {
    double turns = of.phases[f];
    for (size_t d = 0; d < n_dims; ++d) turns += of.frequencies[d * n_features + f] * x[d];
    const double angle = 2 * std::numbers::pi * turns;
    const double weight = static_cast<double>(of.feature_scale) * of.feature_weights[s * n_features + f];
    sum += weight * std::cos(angle);
    for (size_t d = 0; gradient && d < n_dims; ++d) {
      (*gradient)[d] -= weight * std::sin(angle) * 2 * std::numbers::pi * of.frequencies[d * n_features + f];
    }
  }
  for (size_t j = 0; j < n_points; ++j) {
    const auto scaled = [&](size_t d) { return (x[d] - of.points[d * n_points + j]) * of.inverse_lengthscales[d]; };
    double square = 0;
    for (size_t d = 0; d < n_dims; ++d) square += 5 * scaled(d) * scaled(d);
    const double z = std::sqrt(square);
    const double weight = static_cast<double>(of.outputscale) * of.update_weights[s * n_points + j] * std::exp(-z);
    sum += weight * (1 + z + square / 3);
    for (size_t d = 0; gradient && d < n_dims; ++d) {
      (*gradient)[d] -= weight * 5 / 3 * (1 + z) * scaled(d) * of.inverse_lengthscales[d];
    }
  }
  return sum;
}

struct ExactClimb {
  std::vector<double> best;
  double value;
};

ExactClimb exact_climb(const Case& of, int64_t draw) {
  const auto n_dims = static_cast<size_t>(of.n_dims), first = static_cast<size_t>(draw) * n_dims;
  std::vector<double> x(of.start.begin() + static_cast<int64_t>(first),
                        of.start.begin() + static_cast<int64_t>(first + n_dims));
  std::vector<double> gradient, mean(n_dims), square(n_dims);
  ExactClimb out{x, exact_value(of, draw, x, &gradient)};
  for (int64_t t = 1; t <= of.n_steps; ++t) {
    for (size_t d = 0; d < n_dims; ++d) {
      const double lower = of.lower[first + d], upper = of.upper[first + d], side = upper - lower;
      const double step = 0.05 * (1 - static_cast<double>(t - 1) / static_cast<double>(of.n_steps)) * side;
      const double g = gradient[d] * side;
      mean[d] = 0.8 * mean[d] + 0.2 * g;
      square[d] = 0.95 * square[d] + 0.05 * g * g;
      const double m = mean[d] / (1 - std::pow(0.8, t)), v = square[d] / (1 - std::pow(0.95, t));
      x[d] = std::clamp(x[d] + step * m / (std::sqrt(v) + 1e-12), lower, upper);
    }
    const double value = exact_value(of, draw, x, &gradient);
    if (value > out.value) out = {x, value};
  }
  return out;
}

TEST(GpClimbReference, HasTheGradientOfItsValue) {
  const Case of(3, 2, 20, 30);
  const std::vector<double> x = {0.3, 0.7, 0.45};
  std::vector<double> gradient;
  exact_value(of, 1, x, &gradient);
  for (size_t d = 0; d < 3; ++d) {
    auto up = x, down = x;
    up[d] += 1e-5;
    down[d] -= 1e-5;
    EXPECT_NEAR((exact_value(of, 1, up) - exact_value(of, 1, down)) / 2e-5, gradient[d], 1e-8);
  }
}

class GpClimb : public BackendTest {
 protected:
  Climbed run(const Case& of, bool draws_together = false) {
    return climb_on(*backend_, context_, of, draws_together);
  }
};
LOCKSTEP_EVERY_BACKEND(GpClimb);

TEST_P(GpClimb, EqualsTheStepsInDoubleAndEveryBackend) {
  for (const int64_t n_dims : {1, 3, 20}) {
    for (const auto& [n_points, n_features] :
         {std::pair<int64_t, int64_t>{1, 1}, {16, 32}, {50, 40}, {0, 33}, {17, 0}, {0, 0}}) {
      for (const int64_t n_draws : {1, 16, 21}) {
        const Case of(n_dims, n_draws, n_points, n_features);
        const Climbed got = run(of);
        EXPECT_TRUE(same_bits(got, climb_on(host_backend(), host_context(7), of)));
        for (int64_t draw = 0; draw < n_draws; ++draw) {
          const ExactClimb exact = exact_climb(of, draw);
          ASSERT_NEAR(got.value[static_cast<size_t>(draw)], exact.value, 2e-5) << n_dims << " " << n_points << " " << draw;
          for (int64_t d = 0; d < n_dims; ++d) {
            ASSERT_NEAR(got.best[static_cast<size_t>(draw * n_dims + d)], exact.best[static_cast<size_t>(d)], 1e-4)
                << n_dims << " " << n_points << " " << n_features << " " << draw << " " << d;
          }
        }
      }
    }
  }
}

TEST_P(GpClimb, WithoutStepsGivesTheStartsAndTheirValues) {
  Case of(4, 19, 40, 50);
  of.n_steps = 0;
  const Climbed got = run(of);
  EXPECT_TRUE(test::same_bits(got.best, of.start));
  for (int64_t draw = 0; draw < of.n_draws; ++draw) {
    const std::vector<double> x(of.start.begin() + draw * 4, of.start.begin() + (draw + 1) * 4);
    EXPECT_NEAR(got.value[static_cast<size_t>(draw)], exact_value(of, draw, x), 1e-5);
  }
}

TEST_P(GpClimb, ClimbsToTheTopInsideTheBox) {
  Case of(3, 40, 1, 0);
  of.n_steps = 60;
  std::fill(of.update_weights.begin(), of.update_weights.end(), 1.0f);
  of.points = {0.45f, 0.1f, 0.5f};  // the second coordinate is below some boxes
  const Climbed got = run(of);
  for (size_t i = 0; i < got.best.size(); ++i) {
    EXPECT_NEAR(got.best[i], std::clamp(of.points[i % 3], of.lower[i], of.upper[i]), 0.01) << i;
    EXPECT_GE(got.best[i], of.lower[i]);
    EXPECT_LE(got.best[i], of.upper[i]);
  }
}

TEST_P(GpClimb, NeverEndsBelowItsStart) {
  Case of(5, 33, 30, 60);
  of.n_steps = 25;
  Case at_start = of;
  at_start.n_steps = 0;
  const Climbed got = run(of), start = run(at_start);
  size_t better = 0;
  for (size_t i = 0; i < got.value.size(); ++i) {
    EXPECT_GE(got.value[i], start.value[i]);
    better += got.value[i] > start.value[i] ? 1 : 0;
    const std::vector<double> x(got.best.begin() + static_cast<int64_t>(i) * 5,
                                got.best.begin() + static_cast<int64_t>(i + 1) * 5);
    EXPECT_NEAR(got.value[i], exact_value(of, static_cast<int64_t>(i), x), 2e-5);  // it is the value of that point
  }
  EXPECT_GE(better, 30u);
}

TEST_P(GpClimb, ADimensionWithoutWidthStays) {
  Case of(3, 18, 20, 20);
  for (size_t i = 1; i < of.start.size(); i += 3) of.lower[i] = of.upper[i] = of.start[i];
  const Climbed got = run(of);
  for (size_t i = 1; i < of.start.size(); i += 3) EXPECT_EQ(got.best[i], of.start[i]);
  EXPECT_NE(got.best[0], of.start[0]);
}

TEST_P(GpClimb, StartsAtAnObservation) {
  Case of(2, 3, 20, 10);
  for (int64_t draw = 0; draw < 3; ++draw) {
    for (int64_t d = 0; d < 2; ++d) of.start[static_cast<size_t>(draw * 2 + d)] = of.points[static_cast<size_t>(d * 20 + draw)];
  }
  std::fill(of.lower.begin(), of.lower.end(), 0.0f);
  std::fill(of.upper.begin(), of.upper.end(), 1.0f);
  const Climbed got = run(of);
  for (int64_t draw = 0; draw < 3; ++draw) {
    const ExactClimb exact = exact_climb(of, draw);
    EXPECT_NEAR(got.value[static_cast<size_t>(draw)], exact.value, 2e-5);
    EXPECT_NEAR(got.best[static_cast<size_t>(draw * 2)], exact.best[0], 1e-4);
  }
}

TEST_P(GpClimb, ADrawDoesNotDependOnItsCompanyNorOnHowWeightsLie) {
  Case of(4, 37, 45, 37);
  const Climbed together = run(of);
  EXPECT_TRUE(same_bits(together, run(of, true)));
  for (const auto& [first, n] : {std::pair<int64_t, int64_t>{0, 1}, {3, 20}, {36, 1}}) {
    const Climbed part = run(of.some(first, n));
    EXPECT_TRUE(test::same_bits(part.value, std::vector<float>(together.value.begin() + first,
                                                               together.value.begin() + first + n)));
    EXPECT_TRUE(test::same_bits(part.best, std::vector<float>(together.best.begin() + first * 4,
                                                              together.best.begin() + (first + n) * 4)));
  }
}

TEST_P(GpClimb, OnEveryCoreGivesTheSameBits) {
  if (GetParam() != DeviceKind::kCpu) GTEST_SKIP() << "a GPU has no cores to choose";
  Case of(6, 300, 1000, 1000);
  of.n_steps = 10;  // blocks that are worth a thread each
  const Climbed together = run(of);
  for (int64_t first = 0; first < 300; first += 16) {
    const int64_t n = std::min<int64_t>(16, 300 - first);
    EXPECT_TRUE(test::same_bits(run(of.some(first, n)).value,
                                std::vector<float>(together.value.begin() + first, together.value.begin() + first + n)));
  }
}

TEST_P(GpClimb, StaysFiniteFarFromEverything) {
  Case of(2, 17, 20, 0);
  of.inverse_lengthscales = {1e25f, 1e25f};
  const Climbed got = run(of);
  EXPECT_TRUE(test::same_bits(got.best, of.start));
  EXPECT_TRUE(test::same_bits(got.value, std::vector<float>(17, 0.0f)));
}

TEST_P(GpClimb, NaNStaysInItsDrawAndItsPointIsTheStart) {
  Case of(3, 18, 20, 20);
  const Climbed clean = run(of);
  of.update_weights[5 * 20 + 3] = std::nanf("");
  const Climbed got = run(of);
  EXPECT_TRUE(std::isnan(got.value[5]));
  for (size_t i = 0; i < got.best.size(); ++i) {
    EXPECT_EQ(got.best[i], i / 3 == 5 ? of.start[i] : clean.best[i]) << i;
  }
}

TEST_P(GpClimb, WithoutDrawsWritesNothing) { EXPECT_TRUE(run(Case(3, 0, 5, 5)).value.empty()); }

}  // namespace
}  // namespace lockstep::test
