// Sums of a metric over examples, a row a trial.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "cuda/backend_test.h"

namespace lockstep::test {
namespace {

class ReduceMetric : public BackendTest {
 protected:
  static std::vector<double> reduce_on(const Backend& backend, const Context& context, const std::vector<float>& values,
                                       MetricValues shape, const std::vector<double>& before) {
    const DeviceArray<float> device(backend, context, values);
    const DeviceArray<double> sums(backend, context, before);
    shape.values = device.data();
    backend.reduce_metric(context, shape, sums.data());
    return sums.to_host();
  }
  std::vector<double> reduce(const std::vector<float>& values, const MetricValues& shape,
                             const std::vector<double>& before) {
    return reduce_on(*backend_, context_, values, shape, before);
  }
};
LOCKSTEP_EVERY_BACKEND(ReduceMetric);

TEST_P(ReduceMetric, AddsTheSumOfEachRow) {
  // A stride of 4 leaves out the last column.
  EXPECT_EQ(reduce({1, 2, 3, 100, 10, 20, 30, 100}, {nullptr, 2, 3, 4}, {0.5, 0}), (std::vector<double>{6.5, 60}));
  EXPECT_EQ(reduce({1, 2}, {nullptr, 2, 0, 1}, {3, 4}), (std::vector<double>{3, 4}));
  EXPECT_TRUE(reduce({}, {nullptr, 0, 5, 5}, {}).empty());
}

TEST_P(ReduceMetric, IsAsExactAsDoublesAndEqualOnEveryBackend) {
  std::mt19937 random(1);
  std::normal_distribution<float> value(1, 100);
  for (const int64_t n_columns : std::vector<int64_t>{1, 7, 8, 9, 255, 256, 257, 360, pick(100'000, 5000)}) {
    const int64_t n_rows = 5;
    std::vector<float> values(static_cast<size_t>(n_rows * n_columns));
    for (auto& each : values) each = value(random);
    const MetricValues shape{nullptr, n_rows, n_columns, n_columns};
    const std::vector<double> zero(n_rows);
    const std::vector<double> sums = reduce(values, shape, zero);
    EXPECT_TRUE(same_bits(sums, reduce_on(host_backend(), host_context(0), values, shape, zero)));
    for (int64_t row = 0; row < n_rows; ++row) {
      long double exact = 0, magnitude = 0;
      for (int64_t i = 0; i < n_columns; ++i) {
        exact += values[row * n_columns + i];
        magnitude += std::abs(values[row * n_columns + i]);
      }
      EXPECT_NEAR(sums[row], static_cast<double>(exact), static_cast<double>(magnitude) * 1e-15 * 16) << n_columns;
    }
  }
}

TEST_P(ReduceMetric, ARowDoesNotDependOnItsCompany) {
  std::mt19937 random(2);
  const int64_t n_columns = 1000;
  std::vector<float> values(static_cast<size_t>(7 * n_columns));
  for (auto& each : values) each = static_cast<float>(random()) * 1e-3f;
  const std::vector<double> together = reduce(values, {nullptr, 7, n_columns, n_columns}, std::vector<double>(7));
  for (int64_t row = 0; row < 7; ++row) {
    const std::vector<float> one(values.begin() + row * n_columns, values.begin() + (row + 1) * n_columns);
    EXPECT_EQ(reduce(one, {nullptr, 1, n_columns, n_columns}, {0})[0], together[row]);
  }
}

TEST_P(ReduceMetric, WhatIsNotFiniteStaysInItsRow) {
  const float nan = std::nanf("");
  const std::vector<double> sums = reduce({1, nan, 2, 3, INFINITY, 1}, {nullptr, 3, 2, 2}, {0, 0, 0});
  EXPECT_TRUE(std::isnan(sums[0]));
  EXPECT_EQ(sums[1], 5);
  EXPECT_EQ(sums[2], INFINITY);
}

}  // namespace
}  // namespace lockstep::test
