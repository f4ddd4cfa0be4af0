// Batch norm and its gradients against sums in long double.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "cuda/backend_test.h"

namespace lockstep::test {
namespace {

constexpr double kEps = 1e-5, kMomentum = 0.3;

std::vector<float> normals(int64_t n, uint32_t seed, float mean = 0, float deviation = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> value(mean, deviation);
  std::vector<float> out(static_cast<size_t>(n));
  for (auto& each : out) each = value(random);
  return out;
}

struct Shape {
  int64_t n_trials, n_examples, n_channels, n_places;
  int64_t trial_size() const { return n_examples * n_channels * n_places; }
  int64_t size() const { return n_trials * trial_size(); }
  int64_t all_channels() const { return n_trials * n_channels; }
};

/// What goes in. Without weight there is no bias, without running statistics neither.
struct Values {
  Shape shape;
  std::vector<float> input, gradients, weight, bias, running_mean, running_var;
  bool training = true;
};

struct Outcome {
  std::vector<float> output, mean, inverse, running_mean, running_var, of_input, of_weight, of_bias;
};

Values values_of(const Shape& shape, float mean = 0, float deviation = 1) {
  return {shape,
          normals(shape.size(), 1, mean, deviation),
          normals(shape.size(), 2),
          normals(shape.all_channels(), 3, 1, 0.3f),
          normals(shape.all_channels(), 4),
          normals(shape.all_channels(), 5, mean, 0.5f),
          std::vector<float>(static_cast<size_t>(shape.all_channels()), 1.25f)};
}

class BatchNormTest : public BackendTest {
 protected:
  static Outcome run_on(const Backend& backend, const Context& context, const Values& values) {
    const Shape& shape = values.shape;
    const auto array = [&](const std::vector<float>& of) { return DeviceArray<float>(backend, context, of); };
    const auto zeros = [&](int64_t n) { return std::vector<float>(static_cast<size_t>(n)); };
    const auto input = array(values.input), gradients = array(values.gradients), weight = array(values.weight),
               bias = array(values.bias), running_mean = array(values.running_mean),
               running_var = array(values.running_var), output = array(zeros(shape.size())),
               of_input = array(zeros(shape.size())), mean = array(zeros(shape.all_channels())),
               inverse = array(zeros(shape.all_channels())), of_weight = array(zeros(shape.all_channels())),
               of_bias = array(zeros(shape.all_channels()));
    BatchNorm norm;
    norm.input = input.data();
    const bool is_shared = static_cast<int64_t>(values.input.size()) < shape.size();
    norm.input_stride = is_shared ? 0 : shape.trial_size();
    if (!values.weight.empty()) {
      norm.weight = weight.data();
      norm.bias = bias.data();
      norm.weight_stride = norm.bias_stride = shape.n_channels;
    }
    if (!values.running_mean.empty()) {
      norm.running_mean = running_mean.data();
      norm.running_var = running_var.data();
      norm.running_mean_stride = norm.running_var_stride = shape.n_channels;
    }
    norm.n_trials = shape.n_trials;
    norm.n_examples = shape.n_examples;
    norm.n_channels = shape.n_channels;
    norm.n_places = shape.n_places;
    norm.training = values.training;
    norm.momentum = kMomentum;
    norm.eps = kEps;
    norm.output = output.data();
    norm.mean = mean.data();
    norm.inverse = inverse.data();
    backend.batch_norm(context, norm);
    backend.batch_norm_backward(context, norm, {gradients.data(), of_input.data(), of_weight.data(), of_bias.data()});
    return {output.to_host(),      mean.to_host(),     inverse.to_host(),   running_mean.to_host(),
            running_var.to_host(), of_input.to_host(), of_weight.to_host(), of_bias.to_host()};
  }
  Outcome run(const Values& values) { return run_on(*backend_, context_, values); }

  /// Where trial t's channel c has its values.
  static std::vector<size_t> places(const Shape& shape, int64_t t, int64_t c) {
    std::vector<size_t> out;
    for (int64_t example = 0; example < shape.n_examples; ++example) {
      for (int64_t place = 0; place < shape.n_places; ++place) {
        out.push_back(static_cast<size_t>(
            ((t * shape.n_examples + example) * shape.n_channels + c) * shape.n_places + place));
      }
    }
    return out;
  }

  /// @param tolerance relative to a deviation of 1
  static void expect_right(const Values& values, const Outcome& got, long double tolerance = 2e-6L) {
    const Shape& shape = values.shape;
    const auto n = static_cast<long double>(shape.n_examples * shape.n_places);
    const auto input = [&](size_t i) { return static_cast<long double>(values.input[i % values.input.size()]); };
    for (int64_t t = 0; t < shape.n_trials; ++t) {
      for (int64_t c = 0; c < shape.n_channels; ++c) {
        const auto channel = static_cast<size_t>(t * shape.n_channels + c);
        const auto all = places(shape, t, c);
        long double mean = 0, variance = 0;
        for (const size_t i : all) mean += input(i) / n;
        for (const size_t i : all) variance += (input(i) - mean) * (input(i) - mean) / n;
        if (values.training && !values.running_mean.empty()) {
          const auto mix = [](float before, long double now) { return (1 - kMomentum) * before + kMomentum * now; };
          EXPECT_NEAR(got.running_mean[channel], mix(values.running_mean[channel], mean), 1e-6 * (1 + std::abs(mean)));
          const long double unbiased = mix(values.running_var[channel], variance * n / (n - 1));
          EXPECT_NEAR(got.running_var[channel], unbiased, 1e-6 * (1 + unbiased));
        }
        if (!values.training) {
          mean = values.running_mean[channel];
          variance = values.running_var[channel];
        }
        const long double inverse = 1 / std::sqrt(variance + kEps);
        EXPECT_NEAR(got.mean[channel], mean, 1e-7 * (1 + std::abs(mean)));
        EXPECT_NEAR(got.inverse[channel], inverse, 2e-7 * inverse);
        const long double weight = values.weight.empty() ? 1 : values.weight[channel];
        const long double bias = values.bias.empty() ? 0 : values.bias[channel];
        long double sum = 0, product = 0, magnitude = 0;
        for (const size_t i : all) {
          sum += values.gradients[i];
          product += values.gradients[i] * (input(i) - mean) * inverse;
          magnitude += std::abs(values.gradients[i]);
        }
        EXPECT_NEAR(got.of_bias[channel], sum, tolerance * magnitude);
        EXPECT_NEAR(got.of_weight[channel], product, tolerance * magnitude);
        for (const size_t i : all) {
          const long double normal = (input(i) - mean) * inverse;
          EXPECT_NEAR(got.output[i], normal * weight + bias, tolerance * (3 + std::abs(normal)));
          long double gradient = values.gradients[i];
          if (values.training) gradient -= sum / n + normal * product / n;
          EXPECT_NEAR(got.of_input[i], gradient * inverse * weight, tolerance * (3 + std::abs(normal)) * inverse);
        }
      }
    }
  }
};
LOCKSTEP_EVERY_BACKEND(BatchNormTest);

TEST_P(BatchNormTest, EqualsItsDefinitionAndEveryBackend) {
  for (const Shape& shape : {Shape{2, 5, 3, 4}, Shape{1, 3, 2, 16}, Shape{3, 2, 19, 37}, Shape{1, 6, 3, 2},
                             Shape{1, 4, 1, pick(1031, 131)}, Shape{2, 9, 5, 1}, Shape{2, 4, 35, 1}}) {
    for (const bool training : {true, false}) {
      SCOPED_TRACE(testing::Message() << shape.n_places << " places, training " << training);
      Values values = values_of(shape, 2, 3);
      values.training = training;
      const Outcome got = run(values), on_host = run_on(host_backend(), host_context(7), values);
      expect_right(values, got);
      EXPECT_TRUE(same_bits(got.output, on_host.output));
      EXPECT_TRUE(same_bits(got.running_mean, on_host.running_mean));
      EXPECT_TRUE(same_bits(got.running_var, on_host.running_var));
      EXPECT_TRUE(same_bits(got.of_input, on_host.of_input));
      EXPECT_TRUE(same_bits(got.of_weight, on_host.of_weight));
      EXPECT_TRUE(same_bits(got.of_bias, on_host.of_bias));
    }
  }
}

TEST_P(BatchNormTest, ManyValuesFarFromZeroLoseNothing) {
  const Values values = values_of({1, pick(128, 4), 2, pick(256, 64)}, 1000, 0.5f);
  // The mean, a float, is the most that is lost: 3e-5 of 1000, and 0.5 is 1 after normalising.
  expect_right(values, run(values), 1e-4L);
  const Values outlier = [&] {
    Values out = values_of(values.shape);
    out.input[0] = 1e6f;  // what is taken from all values
    return out;
  }();
  expect_right(outlier, run(outlier));
}

TEST_P(BatchNormTest, EqualValuesHaveNoDeviation) {
  Values values = values_of({1, 4, 2, 9});
  for (auto& each : values.input) each = 0.1f;
  const Outcome got = run(values);
  for (const float inverse : got.inverse) EXPECT_EQ(inverse, static_cast<float>(1 / std::sqrt(kEps)));
  for (size_t i = 0; i < got.output.size(); ++i) EXPECT_EQ(got.output[i], values.bias[i / 9 % 2]);
}

TEST_P(BatchNormTest, WithoutWeightBiasOrStatistics) {
  Values values = values_of({2, 3, 3, 20});
  values.weight.clear();
  values.bias.clear();
  values.running_mean.clear();
  values.running_var.clear();
  expect_right(values, run(values));
}

TEST_P(BatchNormTest, TrialsMayShareTheirInput) {
  Values values = values_of({3, 4, 2, 18});
  values.input.resize(static_cast<size_t>(values.shape.trial_size()));
  expect_right(values, run(values));
}

TEST_P(BatchNormTest, ATrialDoesNotDependOnItsCompany) {
  const Values values = values_of({3, 4, 5, 21});
  const Outcome together = run(values);
  for (int64_t t = 0; t < 3; ++t) {
    const auto part = [&](const std::vector<float>& all) {
      const auto size = static_cast<int64_t>(all.size()) / 3;
      return std::vector<float>(all.begin() + t * size, all.begin() + (t + 1) * size);
    };
    Values one = values;
    one.shape.n_trials = 1;
    for (auto* each : {&one.input, &one.gradients, &one.weight, &one.bias, &one.running_mean, &one.running_var}) {
      *each = part(*each);
    }
    const Outcome alone = run(one);
    EXPECT_TRUE(same_bits(alone.output, part(together.output)));
    EXPECT_TRUE(same_bits(alone.of_input, part(together.of_input)));
    EXPECT_TRUE(same_bits(alone.running_var, part(together.running_var)));
  }
}

TEST_P(BatchNormTest, WhatIsNotFiniteStaysInItsChannel) {
  Values values = values_of({1, 2, 3, 17});
  values.input[20] = std::numeric_limits<float>::infinity();  // channel 1
  values.gradients[40] = std::nanf("");                        // channel 2
  const Outcome got = run(values);
  for (size_t i = 0; i < got.output.size(); ++i) {
    const size_t channel = i / 17 % 3;
    EXPECT_EQ(std::isnan(got.output[i]), channel == 1);
    EXPECT_EQ(std::isnan(got.of_input[i]), channel != 0);
  }
}

}  // namespace
}  // namespace lockstep::test
