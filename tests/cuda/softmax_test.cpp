// Softmax of short rows and cross entropy, against sums in long double.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "cuda/backend_test.h"

namespace lockstep::test {
namespace {

std::vector<float> normals(int64_t n, uint32_t seed, float scale = 3) {
  std::mt19937 random(seed);
  std::normal_distribution<float> value(0, scale);
  std::vector<float> out(static_cast<size_t>(n));
  for (auto& each : out) each = value(random);
  return out;
}

/// log_softmax of one row.
std::vector<long double> exact_log_softmax(const float* row, int64_t n) {
  long double largest = row[0], sum = 0;
  for (int64_t i = 0; i < n; ++i) largest = std::max<long double>(largest, row[i]);
  for (int64_t i = 0; i < n; ++i) sum += std::exp(row[i] - largest);
  std::vector<long double> out;
  for (int64_t i = 0; i < n; ++i) out.push_back(row[i] - largest - std::log(sum));
  return out;
}

constexpr float kTolerance = 2e-6f;

class Softmax : public BackendTest {
 protected:
  static std::vector<float> run_on(const Backend& backend, const Context& context, const std::vector<float>& values,
                                   int64_t n_columns, bool log) {
    const DeviceArray<float> input(backend, context, values), output(backend, context, std::vector<float>(values.size()));
    const auto n_rows = static_cast<int64_t>(values.size()) / n_columns;
    backend.softmax(context, {input.data(), output.data(), nullptr, n_rows, n_columns, log});
    return output.to_host();
  }
  std::vector<float> run(const std::vector<float>& values, int64_t n_columns, bool log) {
    return run_on(*backend_, context_, values, n_columns, log);
  }
  static std::vector<float> run_backward_on(const Backend& backend, const Context& context,
                                            const std::vector<float>& gradients, const std::vector<float>& outputs,
                                            int64_t n_columns, bool log) {
    const DeviceArray<float> gradient(backend, context, gradients), output(backend, context, outputs),
        of_input(backend, context, std::vector<float>(outputs.size()));
    const auto n_rows = static_cast<int64_t>(outputs.size()) / n_columns;
    backend.softmax_backward(context, {gradient.data(), output.data(), of_input.data(), n_rows, n_columns, log});
    return of_input.to_host();
  }
};
LOCKSTEP_EVERY_BACKEND(Softmax);

TEST_P(Softmax, EqualsItsDefinitionAndEveryBackend) {
  for (const int64_t n : {1, 2, 10, 17, 64}) {
    for (const int64_t n_rows : {1, 16, 35}) {
      for (const bool log : {false, true}) {
        const auto values = normals(n_rows * n, static_cast<uint32_t>(n));
        const auto got = run(values, n, log);
        EXPECT_TRUE(same_bits(got, run_on(host_backend(), host_context(7), values, n, log)));
        const auto gradients = normals(n_rows * n, 99, 1);
        const auto back = run_backward_on(*backend_, context_, gradients, got, n, log);
        EXPECT_TRUE(
            same_bits(back, run_backward_on(host_backend(), host_context(7), gradients, got, n, log)));
        for (int64_t row = 0; row < n_rows; ++row) {
          const auto exact = exact_log_softmax(values.data() + row * n, n);
          long double sum = 0;
          for (int64_t i = 0; i < n; ++i) {
            sum += gradients[row * n + i] * (log ? 1 : std::exp(exact[i]));
          }
          for (int64_t i = 0; i < n; ++i) {
            const auto at = static_cast<size_t>(row * n + i);
            const long double p = std::exp(exact[i]), want = log ? exact[i] : p;
            EXPECT_NEAR(got[at], want, kTolerance * std::max(1.0L, std::abs(want))) << n << " " << row << " " << i;
            const long double of_input = log ? gradients[at] - p * sum : (gradients[at] - sum) * p;
            EXPECT_NEAR(back[at], of_input, 5 * kTolerance * std::max(1.0L, std::abs(sum)));
          }
        }
      }
    }
  }
}

TEST_P(Softmax, ARowDoesNotDependOnItsCompany) {
  const int64_t n = 10, n_rows = 21;
  const auto values = normals(n_rows * n, 3);
  const auto together = run(values, n, true);
  for (int64_t row = 0; row < n_rows; ++row) {
    const std::vector<float> one(values.begin() + row * n, values.begin() + (row + 1) * n);
    const std::vector<float> part(together.begin() + row * n, together.begin() + (row + 1) * n);
    EXPECT_TRUE(same_bits(run(one, n, true), part));
  }
}

TEST_P(Softmax, LimitsAndWhatIsNotFiniteStayInTheirRow) {
  const float infinity = std::numeric_limits<float>::infinity();
  const auto got = run({1e30f, 0, -infinity, -infinity, 0, 0, infinity, 0, 1, std::nanf(""), 2, 3}, 3, false);
  EXPECT_EQ((std::vector<float>(got.begin(), got.begin() + 6)), (std::vector<float>{1, 0, 0, 0, 0.5f, 0.5f}));
  for (size_t i = 6; i < 7; ++i) EXPECT_TRUE(std::isnan(got[i]));
  EXPECT_TRUE(std::isnan(got[9]) && std::isnan(got[10]));
}

class CrossEntropyTest : public BackendTest {
 protected:
  struct Result {
    std::vector<float> losses, gradients;
  };
  static Result run_on(const Backend& backend, const Context& context, const std::vector<float>& scores,
                       const std::vector<int64_t>& targets, CrossEntropy options, bool gradients = true) {
    const DeviceArray<float> on_device(backend, context, scores),
        losses(backend, context, std::vector<float>(static_cast<size_t>(options.n_trials))),
        of_scores(backend, context, std::vector<float>(scores.size()));
    const DeviceArray<int64_t> classes(backend, context, targets);
    options.scores = on_device.data();
    options.targets = classes.data();
    options.losses = losses.data();
    options.gradients = gradients ? of_scores.data() : nullptr;
    backend.cross_entropy(context, options);
    return {losses.to_host(), of_scores.to_host()};
  }
  Result run(const std::vector<float>& scores, const std::vector<int64_t>& targets, const CrossEntropy& options) {
    return run_on(*backend_, context_, scores, targets, options);
  }
  static CrossEntropy shape(int64_t n_trials, int64_t n_examples, int64_t n_classes, bool shared, bool mean) {
    CrossEntropy out;
    out.n_trials = n_trials;
    out.n_examples = n_examples;
    out.n_classes = n_classes;
    out.target_stride = shared ? 0 : n_examples;
    out.mean = mean;
    return out;
  }
};
LOCKSTEP_EVERY_BACKEND(CrossEntropyTest);

TEST_P(CrossEntropyTest, EqualsItsDefinitionAndEveryBackend) {
  std::mt19937 random(5);
  const int64_t n_trials = 3;
  for (const int64_t n_examples : {1, 16, 37}) {
    for (const int64_t n_classes : {2, 10, 64}) {
      for (const bool shared : {true, false}) {
        for (const bool mean : {true, false}) {
          const auto scores = normals(n_trials * n_examples * n_classes, static_cast<uint32_t>(n_examples));
          std::vector<int64_t> targets(static_cast<size_t>((shared ? 1 : n_trials) * n_examples));
          for (auto& target : targets) {
            target = random() % 5 == 0 && n_examples > 1 ? -100 : static_cast<int64_t>(random()) % n_classes;
          }
          for (size_t t = 0; t < targets.size(); t += static_cast<size_t>(n_examples)) targets[t] = 1;  // one counts
          const CrossEntropy options = shape(n_trials, n_examples, n_classes, shared, mean);
          const Result got = run(scores, targets, options);
          const Result on_host = run_on(host_backend(), host_context(7), scores, targets, options);
          EXPECT_TRUE(same_bits(got.losses, on_host.losses));
          EXPECT_TRUE(same_bits(got.gradients, on_host.gradients));
          EXPECT_TRUE(same_bits(got.losses, run_on(*backend_, context_, scores, targets, options, false).losses));
          for (int64_t trial = 0; trial < n_trials; ++trial) {
            const int64_t* of_trial = targets.data() + trial * options.target_stride;
            int64_t kept = 0;
            for (int64_t i = 0; i < n_examples; ++i) kept += of_trial[i] != -100 ? 1 : 0;
            long double loss = 0;
            for (int64_t i = 0; i < n_examples; ++i) {
              const float* row = scores.data() + (trial * n_examples + i) * n_classes;
              const auto exact = exact_log_softmax(row, n_classes);
              const bool counts = of_trial[i] != -100;
              if (counts) loss -= exact[static_cast<size_t>(of_trial[i])];
              for (int64_t c = 0; c < n_classes; ++c) {
                const long double slope =
                    counts ? std::exp(exact[static_cast<size_t>(c)]) - (c == of_trial[i] ? 1 : 0) : 0;
                EXPECT_NEAR(got.gradients[static_cast<size_t>((trial * n_examples + i) * n_classes + c)],
                            slope / (mean ? kept : 1), kTolerance);
              }
            }
            const long double want = loss / (mean ? kept : 1);
            EXPECT_NEAR(got.losses[static_cast<size_t>(trial)], want, kTolerance * std::max(1.0L, want));
          }
        }
      }
    }
  }
}

TEST_P(CrossEntropyTest, ATargetThatIsNoClassPoisonsItsTrialAlone) {
  const auto scores = normals(2 * 2 * 3, 1);
  const Result got = run(scores, {0, 3, 0, 2}, shape(2, 2, 3, false, true));
  EXPECT_TRUE(std::isnan(got.losses[0]));
  EXPECT_TRUE(std::isfinite(got.losses[1]));
}

TEST_P(CrossEntropyTest, WithoutAnExampleThatCountsTheMeanIsNaN) {
  const Result got = run({1, 2, 3}, {-100}, shape(1, 1, 3, true, true));
  EXPECT_TRUE(std::isnan(got.losses[0]));  // as LibTorch's
  EXPECT_EQ(run({1, 2, 3}, {-100}, shape(1, 1, 3, true, false)).losses[0], 0);
}

}  // namespace
}  // namespace lockstep::test
