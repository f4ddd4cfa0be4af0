// Rows of random numbers that belong to trials, and random permutations.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cuda/backend_test.h"

namespace lockstep::test {
namespace {

class RowFills : public BackendTest {
 protected:
  enum class Kind { kUniform, kNormal, kBernoulli };
  static constexpr Kind kKinds[] = {Kind::kUniform, Kind::kNormal, Kind::kBernoulli};

  std::vector<float> fill(const Backend& backend, const Context& context, Kind kind, const std::vector<int64_t>& trials,
                          int64_t row_size, uint32_t stream, double a, double b, const std::vector<int64_t>& steps = {}) {
    const DeviceArray<int64_t> ids(backend, context, trials), taken(backend, context, steps);
    const DeviceArray<float> values(backend, context, std::vector<float>(trials.size() * row_size, NAN));
    RowFill rows;
    rows.trials = ids.data();
    rows.n_rows = static_cast<int64_t>(trials.size());
    rows.row_size = row_size;
    rows.stream = stream;
    rows.values = values.data();
    if (!steps.empty()) rows.steps = taken.data();
    if (kind == Kind::kUniform) backend.fill_uniform(context, rows, a, b);
    if (kind == Kind::kNormal) backend.fill_normal(context, rows, a, b);
    if (kind == Kind::kBernoulli) backend.fill_bernoulli(context, rows, b);
    return values.to_host();
  }
  std::vector<float> fill(Kind kind, const std::vector<int64_t>& trials, int64_t row_size, uint32_t stream, double a,
                          double b, const std::vector<int64_t>& steps = {}) {
    return fill(*backend_, context_, kind, trials, row_size, stream, a, b, steps);
  }
  static std::vector<float> row(const std::vector<float>& values, int64_t row_size, int64_t i) {
    return {values.begin() + i * row_size, values.begin() + (i + 1) * row_size};
  }
};
LOCKSTEP_EVERY_BACKEND(RowFills);

TEST_P(RowFills, GivesTheSameBitsAsTheHost) {
  const std::vector<int64_t> trials = {3, 0, int64_t{1} << 40};
  for (const Kind kind : kKinds) {
    for (const auto& steps : {std::vector<int64_t>{}, std::vector<int64_t>{0, 7, 7}}) {
      EXPECT_TRUE(same_bits(fill(kind, trials, 37, 5, -0.25, 0.5, steps),
                            fill(host_backend(), host_context(context_.seed), kind, trials, 37, 5, -0.25, 0.5, steps)));
    }
  }
}

TEST_P(RowFills, RowBelongsToItsTrialWhereverItStands) {
  for (const Kind kind : {Kind::kUniform, Kind::kNormal}) {
    const auto company = fill(kind, {4, 9, 2}, 35, 1, 0, 1);
    EXPECT_TRUE(same_bits(row(company, 35, 1), fill(kind, {9}, 35, 1, 0, 1)));
    EXPECT_FALSE(same_bits(row(company, 35, 0), row(company, 35, 1)));
    // Nor does a value depend on the row's size.
    const auto shorter = fill(kind, {9}, 6, 1, 0, 1);
    EXPECT_TRUE(same_bits(shorter, std::vector<float>(company.begin() + 35, company.begin() + 41)));
  }
}

TEST_P(RowFills, EveryStepOfATrialHasItsOwnNumbers) {
  for (const Kind kind : kKinds) {
    const auto company = fill(kind, {4, 9, 9}, 64, 1, 0, 0.5, {3, 3, 8});
    EXPECT_FALSE(same_bits(row(company, 64, 1), row(company, 64, 2)));
    EXPECT_FALSE(same_bits(row(company, 64, 0), row(company, 64, 1)));
    EXPECT_TRUE(same_bits(row(company, 64, 2), fill(kind, {9}, 64, 1, 0, 0.5, {8})));
    EXPECT_FALSE(same_bits(fill(kind, {9}, 64, 1, 0, 0.5), fill(kind, {9}, 64, 1, 0, 0.5, {0})));
  }
}

TEST_P(RowFills, BernoulliHasItsProbability) {
  const int64_t n = pick(1'000'000, 4'000);
  for (const double p : {0.0, 0.1, 0.5, 1.0}) {
    const auto values = fill(Kind::kBernoulli, {3}, n, 0, 0, p, {5});
    const auto n_ones = static_cast<double>(std::count(values.begin(), values.end(), 1.0f));
    EXPECT_EQ(n_ones + static_cast<double>(std::count(values.begin(), values.end(), 0.0f)), static_cast<double>(n));
    EXPECT_NEAR(n_ones / static_cast<double>(n), p, 4 * std::sqrt(p * (1 - p) / static_cast<double>(n)));
  }
}

TEST_P(RowFills, StreamAndSeedGiveOtherNumbers) {
  const auto base = fill(Kind::kUniform, {9}, 64, 1, 0, 1);
  const auto other_stream = fill(Kind::kUniform, {9}, 64, 2, 0, 1);
  ++context_.seed;
  const auto other_seed = fill(Kind::kUniform, {9}, 64, 1, 0, 1);
  int n_equal = 0;
  for (size_t i = 0; i < base.size(); ++i) n_equal += (base[i] == other_stream[i]) + (base[i] == other_seed[i]);
  EXPECT_LE(n_equal, 1);
}

TEST_P(RowFills, UniformFillsItsHalfOpenInterval) {
  const int64_t n = pick(1'000'000, 20'000);
  auto values = fill(Kind::kUniform, {1}, n, 0, -0.125, 0.125);
  std::sort(values.begin(), values.end());
  EXPECT_GE(values.front(), -0.125f);
  EXPECT_LT(values.back(), 0.125f);
  double distance = 0;
  for (int64_t i = 0; i < n; ++i) distance = std::max(distance, std::abs((values[i] + 0.125) / 0.25 - (i + 0.5) / n));
  EXPECT_LT(distance * std::sqrt(n), 2.23);  // Kolmogorov and Smirnov, at the level 1e-4
}

TEST_P(RowFills, UniformOfOnePointIsThatPoint) {
  for (const float x : fill(Kind::kUniform, {1, 2}, 5, 0, 0.5, 0.5)) EXPECT_EQ(x, 0.5f);
}

TEST_P(RowFills, NormalHasItsMeanAndDeviation) {
  const int64_t n = pick(1'000'000, 20'000);
  auto values = fill(Kind::kNormal, {1}, n, 0, 3, 0.5);
  std::sort(values.begin(), values.end());
  double distance = 0;
  for (int64_t i = 0; i < n; ++i) {
    distance = std::max(distance, std::abs(0.5 * std::erfc((3 - values[i]) / 0.5 * M_SQRT1_2) - (i + 0.5) / n));
  }
  EXPECT_LT(distance * std::sqrt(n), 2.23);
}

class Permutation : public BackendTest {
 protected:
  std::vector<int64_t> permutation(int64_t epoch, int64_t n) {
    const DeviceArray<int64_t> order(*backend_, context_, std::vector<int64_t>(n, -1));
    backend_->permutation(context_, epoch, n, order.data());
    return order.to_host();
  }
};
LOCKSTEP_EVERY_BACKEND(Permutation);

TEST_P(Permutation, HoldsEveryIndexOnce) {
  for (const int64_t n : {1, 2, 31, 1000}) {
    auto order = permutation(3, n);
    std::sort(order.begin(), order.end());
    std::vector<int64_t> every(n);
    std::iota(every.begin(), every.end(), 0);
    EXPECT_EQ(order, every);
  }
  EXPECT_TRUE(permutation(3, 0).empty());
}

TEST_P(Permutation, IsTheHosts) {
  std::vector<int64_t> expected(777);
  host_backend().permutation(host_context(context_.seed), 12, 777, expected.data());
  EXPECT_EQ(permutation(12, 777), expected);
}

TEST_P(Permutation, ChangesWithEpochAndSeed) {
  const auto first = permutation(0, 100);
  EXPECT_EQ(permutation(0, 100), first);
  EXPECT_NE(permutation(1, 100), first);
  EXPECT_NE(permutation(int64_t{1} << 32, 100), first);
  ++context_.seed;
  EXPECT_NE(permutation(0, 100), first);
}

// Each of the 24 orders of four is drawn equally often.
TEST_P(Permutation, IsFair) {
  if (GetParam() != DeviceKind::kCpu) GTEST_SKIP() << "the same numbers as the host's";
  std::vector<int> counts(256);
  const int n = 24'000;
  for (int epoch = 0; epoch < n; ++epoch) {
    const auto order = permutation(epoch, 4);
    ++counts[order[0] * 64 + order[1] * 16 + order[2] * 4 + order[3]];
  }
  double chi_square = 0;
  int n_orders = 0;
  for (const int count : counts) {
    if (count == 0) continue;
    ++n_orders;
    chi_square += (count - n / 24.0) * (count - n / 24.0) / (n / 24.0);
  }
  EXPECT_EQ(n_orders, 24);
  EXPECT_LT(chi_square, 56.2);  // 23 degrees of freedom, at the level 1e-4
}

}  // namespace
}  // namespace lockstep::test
