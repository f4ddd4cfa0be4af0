// How population based training changes a hyperparameter, a distribution at a time.
#include "cuda/early_stopping/explore.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace lockstep {
namespace {

/// Words that change by a factor: downward or upward; `words` that draw anew have a low coin.
RandomWords neighbour(bool upward) { return {{0, 0, 0xFFFFFFFFu, upward ? 1u : 0u}}; }

using enum DistributionKind;
DistributionSpec choice(int64_t count) { return {kChoice, 0, 0, 0, count}; }
DistributionSpec randint(int64_t upper) { return {kRandInt, 0, 0, 0, upper}; }
/// `last` is on the lattice.
DistributionSpec int_range(double first, double last, double step = 1) {
  return {kInt, first, last, step, static_cast<int64_t>((last - first) / step) + 1};
}

constexpr Exploration kExploration = {0.25, {0.8, 1.2}};

double down(const DistributionSpec& spec, double x) {
  return explored(spec, x, neighbour(false), kExploration);
}
double up(const DistributionSpec& spec, double x) {
  return explored(spec, x, neighbour(true), kExploration);
}

TEST(Explore, MultipliesRealNumbers) {
  EXPECT_EQ(down({kUniform, 0, 10}, 5), 5 * 0.8);
  EXPECT_EQ(up({kUniform, 0, 10}, 5), 5 * 1.2);
  EXPECT_EQ(up({kLogUniformValues, 1e-4, 1}, 0.01), 0.01 * 1.2);
  EXPECT_EQ(down({kLogUniform, -6, 0}, 0.1), 0.1 * 0.8);
  EXPECT_EQ(up({kNormal, 0, 1}, -2), -2 * 1.2);
  EXPECT_EQ(down({kLogNormal, 0, 1}, 3), 3 * 0.8);
}

TEST(Explore, ClipsToBounds) {
  EXPECT_EQ(up({kUniform, 0, 10}, 9), 10);
  EXPECT_EQ(down({kUniform, 4.5, 10}, 5), 4.5);
  EXPECT_EQ(up({kUniform, -1, 1}, -1), -1);
  EXPECT_EQ(up({kLogUniformValues, 1e-4, 1}, 0.9), 1);
  EXPECT_EQ(up({kLogUniform, -6, 0}, 0.9), 1);
  EXPECT_EQ(down({kLogUniform, -6, 0}, exp_ieee(-6)), exp_ieee(-6));
}

TEST(Explore, RoundsWholeNumbers) {
  EXPECT_EQ(up(randint(100), 8), 10);   // 9.6
  EXPECT_EQ(down(randint(100), 8), 6);  // 6.4
  EXPECT_EQ(up(randint(10), 9), 9);
  EXPECT_EQ(down(randint(10), 0), 0);
  EXPECT_EQ(up(int_range(10, 100, 5), 50), 60);
  EXPECT_EQ(down(int_range(10, 100, 5), 10), 10);
  EXPECT_EQ(up(int_range(10, 95, 5), 95), 95);
  EXPECT_EQ(up(int_range(-10, 10), -10), -10);
  EXPECT_EQ(up({kLogInt, 1, 64}, 60), 64);
  EXPECT_EQ(down({kLogInt, 1, 64}, 10), 8);
}

TEST(Explore, StaysOnTheLatticeOfQuantisedValues) {
  EXPECT_EQ(up({kQUniform, 0, 10, 0.5}, 3), 3.5);                         // 3.6
  EXPECT_EQ(up({kQUniform, 1, 10, 3}, 9), 9);                             // 10, its bound, is rounded to 9
  EXPECT_EQ(down({kQNormal, 0, 10, 2}, 5), 4);
  EXPECT_EQ(up({kQLogNormal, 0, 1, 0.25}, 1), 1.25);
  EXPECT_EQ(up({kQLogUniform, 0, 2, 1}, 7), 7);  // e^2 is 7.39
}

TEST(Explore, GoesToANeighbouringChoice) {
  const DistributionSpec three = choice(3);
  EXPECT_EQ(down(three, 1), 0);
  EXPECT_EQ(up(three, 1), 2);
  // At an end there is one neighbour.
  EXPECT_EQ(down(three, 0), 1);
  EXPECT_EQ(up(three, 0), 1);
  EXPECT_EQ(up(three, 2), 1);
  EXPECT_EQ(up(choice(1), 0), 0);
  EXPECT_EQ(down(choice(2), 0), 1);
}

TEST(Explore, DrawsAnewWithItsProbability) {
  const DistributionSpec spec = {kUniform, 0, 1};
  const RandomWords low = {{0x80000000u, 0, 0x3FFFFFFFu, 0}};  // just below a quarter
  EXPECT_EQ(explored(spec, 0.1, low, kExploration), unit_interval(low.bits()));
  const RandomWords high = {{0x80000000u, 0, 0x40000000u, 0}};  // just above
  EXPECT_EQ(explored(spec, 0.1, high, kExploration), 0.1 * 0.8);
  EXPECT_EQ(explored(spec, 0.1, {{0, 0, 0, 0}}, {0, {0.8, 1.2}}), 0.1 * 0.8);
  EXPECT_NE(explored(spec, 0.1, neighbour(true), {1, {0.8, 1.2}}), 0.1 * 1.2);
}

TEST(Explore, KeepsWhatWouldOverflow) {
  EXPECT_EQ(explored({kNormal, 0, 1}, 1e308, neighbour(true), {0, {0.8, 100}}), 1e308);
  EXPECT_EQ(explored({kUniform, 0, 1e308}, 1e307, neighbour(true), {0, {0.8, 100}}), 1e308);
}

}  // namespace
}  // namespace lockstep
