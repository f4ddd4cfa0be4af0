// Layer norm and its gradients against sums in long double.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "cuda/backend_test.h"

namespace lockstep::test {
namespace {

constexpr double kEps = 1e-5;

std::vector<float> normals(int64_t n, uint32_t seed, float mean = 0, float deviation = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> value(mean, deviation);
  std::vector<float> out(static_cast<size_t>(n));
  for (auto& each : out) each = value(random);
  return out;
}

struct Shape {
  int64_t n_trials, n_rows, size;
  int64_t all() const { return n_trials * n_rows * size; }
};

/// What goes in. Without weight there is no bias.
struct Values {
  Shape shape;
  std::vector<float> input, gradients, weight, bias;
};

struct Outcome {
  std::vector<float> output, mean, inverse, of_input, of_weight, of_bias;
};

Values values_of(const Shape& shape, float mean = 0, float deviation = 1) {
  return {shape, normals(shape.all(), 1, mean, deviation), normals(shape.all(), 2),
          normals(shape.n_trials * shape.size, 3, 1, 0.3f), normals(shape.n_trials * shape.size, 4)};
}

class LayerNormTest : public BackendTest {
 protected:
  static Outcome run_on(const Backend& backend, const Context& context, const Values& values) {
    const Shape& shape = values.shape;
    const auto array = [&](const std::vector<float>& of) { return DeviceArray<float>(backend, context, of); };
    const auto zeros = [&](int64_t n) { return array(std::vector<float>(static_cast<size_t>(n))); };
    const auto input = array(values.input), gradients = array(values.gradients), weight = array(values.weight),
               bias = array(values.bias), output = zeros(shape.all()), of_input = zeros(shape.all()),
               mean = zeros(shape.n_trials * shape.n_rows), inverse = zeros(shape.n_trials * shape.n_rows),
               of_weight = zeros(shape.n_trials * shape.size), of_bias = zeros(shape.n_trials * shape.size);
    LayerNorm norm;
    norm.input = input.data();
    norm.input_stride = static_cast<int64_t>(values.input.size()) < shape.all() ? 0 : shape.n_rows * shape.size;
    if (!values.weight.empty()) {
      norm.weight = weight.data();
      norm.bias = bias.data();
      norm.weight_stride = norm.bias_stride = shape.size;
    }
    norm.n_trials = shape.n_trials;
    norm.n_rows = shape.n_rows;
    norm.size = shape.size;
    norm.eps = kEps;
    norm.output = output.data();
    norm.mean = mean.data();
    norm.inverse = inverse.data();
    backend.layer_norm(context, norm);
    backend.layer_norm_backward(context, norm, {gradients.data(), of_input.data(), of_weight.data(), of_bias.data()});
    return {output.to_host(),   mean.to_host(),      inverse.to_host(),
            of_input.to_host(), of_weight.to_host(), of_bias.to_host()};
  }
  Outcome run(const Values& values) { return run_on(*backend_, context_, values); }

  /// @param tolerance relative to a deviation of 1
  static void expect_right(const Values& values, const Outcome& got, long double tolerance = 2e-6L) {
    const Shape& shape = values.shape;
    const auto n = static_cast<long double>(shape.size);
    for (int64_t t = 0; t < shape.n_trials; ++t) {
      std::vector<long double> of_weight(static_cast<size_t>(shape.size)), of_bias = of_weight, magnitude = of_weight;
      const auto weight = [&](size_t c) -> long double {
        return values.weight.empty() ? 1 : values.weight[static_cast<size_t>(t * shape.size) + c];
      };
      for (int64_t row = 0; row < shape.n_rows; ++row) {
        const auto at = static_cast<size_t>(t * shape.n_rows + row);
        const size_t first = at * static_cast<size_t>(shape.size);
        const auto input = [&](size_t c) -> long double { return values.input[(first + c) % values.input.size()]; };
        const auto columns = static_cast<size_t>(shape.size);
        long double mean = 0, variance = 0, sum = 0, product = 0;
        for (size_t c = 0; c < columns; ++c) mean += input(c) / n;
        for (size_t c = 0; c < columns; ++c) variance += (input(c) - mean) * (input(c) - mean) / n;
        const long double inverse = 1 / std::sqrt(variance + kEps);
        EXPECT_NEAR(got.mean[at], mean, 1e-6 * (1 + std::abs(mean)));
        EXPECT_NEAR(got.inverse[at], inverse, 1e-6 * inverse);
        for (size_t c = 0; c < columns; ++c) {
          sum += values.gradients[first + c] * weight(c);
          product += values.gradients[first + c] * weight(c) * (input(c) - mean) * inverse;
        }
        for (size_t c = 0; c < columns; ++c) {
          const long double normal = (input(c) - mean) * inverse, gradient = values.gradients[first + c];
          const long double bias = values.bias.empty() ? 0 : values.bias[static_cast<size_t>(t * shape.size) + c];
          EXPECT_NEAR(got.output[first + c], normal * weight(c) + bias, tolerance * (3 + std::abs(normal)));
          EXPECT_NEAR(got.of_input[first + c], (gradient * weight(c) - sum / n - normal * product / n) * inverse,
                      tolerance * (3 + std::abs(normal)) * inverse);
          of_weight[c] += gradient * normal;
          of_bias[c] += gradient;
          magnitude[c] += std::abs(gradient) * (1 + std::abs(normal));
        }
      }
      for (size_t c = 0; c < static_cast<size_t>(shape.size); ++c) {
        const size_t at = static_cast<size_t>(t * shape.size) + c;
        EXPECT_NEAR(got.of_weight[at], of_weight[c], tolerance * magnitude[c]);
        EXPECT_NEAR(got.of_bias[at], of_bias[c], tolerance * magnitude[c]);
      }
    }
  }
};
LOCKSTEP_EVERY_BACKEND(LayerNormTest);

TEST_P(LayerNormTest, EqualsItsDefinitionAndEveryBackend) {
  for (const Shape& shape : {Shape{2, 5, 12}, Shape{1, 3, 16}, Shape{3, 2, 19}, Shape{2, 1, 3}, Shape{1, pick(200, 70), 5},
                             Shape{1, 2, 2070}, Shape{2, 3, 128}}) {
    SCOPED_TRACE(testing::Message() << shape.n_rows << " rows of " << shape.size);
    const Values values = values_of(shape, 2, 3);
    const Outcome got = run(values), on_host = run_on(host_backend(), host_context(7), values);
    expect_right(values, got);
    EXPECT_TRUE(same_bits(got.output, on_host.output));
    EXPECT_TRUE(same_bits(got.mean, on_host.mean));
    EXPECT_TRUE(same_bits(got.inverse, on_host.inverse));
    EXPECT_TRUE(same_bits(got.of_input, on_host.of_input));
    EXPECT_TRUE(same_bits(got.of_weight, on_host.of_weight));
    EXPECT_TRUE(same_bits(got.of_bias, on_host.of_bias));
  }
}

TEST_P(LayerNormTest, ValuesFarFromZeroLoseNothing) {
  const Values values = values_of({1, 4, pick(5000, 500)}, 1000, 0.5f);
  // The mean, a float, is the most that is lost: 3e-5 of 1000, and 0.5 is 1 after normalising.
  expect_right(values, run(values), 1e-4L);
}

TEST_P(LayerNormTest, EqualValuesHaveNoDeviation) {
  Values values = values_of({1, 3, 9});
  for (auto& each : values.input) each = 0.25f;
  const Outcome got = run(values);
  for (const float inverse : got.inverse) EXPECT_EQ(inverse, static_cast<float>(1 / std::sqrt(kEps)));
  for (size_t i = 0; i < got.output.size(); ++i) EXPECT_EQ(got.output[i], values.bias[i % 9]);
}

TEST_P(LayerNormTest, WithoutWeightOrBias) {
  Values values = values_of({2, 3, 20});
  values.weight.clear();
  values.bias.clear();
  expect_right(values, run(values));
}

TEST_P(LayerNormTest, TrialsMayShareTheirInput) {
  Values values = values_of({3, 4, 18});
  values.input.resize(4 * 18);
  expect_right(values, run(values));
}

TEST_P(LayerNormTest, ATrialDoesNotDependOnItsCompany) {
  const Values values = values_of({3, 4, 21});
  const Outcome together = run(values);
  for (int64_t t = 0; t < 3; ++t) {
    const auto part = [&](const std::vector<float>& all) {
      const auto size = static_cast<int64_t>(all.size()) / 3;
      return std::vector<float>(all.begin() + t * size, all.begin() + (t + 1) * size);
    };
    Values one = values;
    one.shape.n_trials = 1;
    for (auto* each : {&one.input, &one.gradients, &one.weight, &one.bias}) *each = part(*each);
    const Outcome alone = run(one);
    EXPECT_TRUE(same_bits(alone.output, part(together.output)));
    EXPECT_TRUE(same_bits(alone.of_input, part(together.of_input)));
    EXPECT_TRUE(same_bits(alone.of_weight, part(together.of_weight)));
    EXPECT_TRUE(same_bits(alone.of_bias, part(together.of_bias)));
  }
}

TEST_P(LayerNormTest, WhatIsNotFiniteStaysInItsRow) {
  Values values = values_of({1, 3, 17});
  values.input[20] = std::numeric_limits<float>::infinity();  // row 1
  values.gradients[40] = std::nanf("");                        // row 2
  const Outcome got = run(values);
  for (size_t i = 0; i < got.output.size(); ++i) {
    EXPECT_EQ(std::isnan(got.output[i]), i / 17 == 1);
    EXPECT_EQ(std::isnan(got.of_input[i]), i / 17 != 0);
  }
}

}  // namespace
}  // namespace lockstep::test
