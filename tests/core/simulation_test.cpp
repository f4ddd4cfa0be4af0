// A policy over recorded curves: small ones worked out by hand, real ones with published figures.

#include "core/simulation.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include <gtest/gtest.h>

namespace lockstep {
namespace {

using Curves = std::vector<std::vector<double>>;

RecordedCurves recorded(Curves curves) {
  RecordedCurves result;
  for (size_t i = 0; i < curves.size(); ++i) result.names.push_back(std::to_string(i));
  result.curves = std::move(curves);
  return result;
}

EarlyTermination median(int64_t evaluation_interval = 1, int64_t delay = 0,
                        MedianReference reference = MedianReference::kAll) {
  EarlyTermination policy;
  policy.kind = PolicyKind::kMedianStopping;
  policy.evaluation_interval = evaluation_interval;
  policy.delay_evaluation = delay;
  policy.reference = reference;
  return policy;
}

Simulation simulate(const RecordedCurves& curves, Goal goal, const EarlyTermination& policy, int64_t n_slots = 0) {
  return simulate_policy(curves, goal, policy, n_slots, host_backend(), Context{});
}

// The median at 1 is 0.5, which stops trial 0: it would have become the best.
TEST(Simulation, TellsWhatAPolicyCosts) {
  const RecordedCurves curves = recorded({{0.2, 0.3, 1.0}, {0.5, 0.6, 0.7}, {0.9, 0.8, 0.8}});
  const Simulation simulation = simulate(curves, Goal::kMaximize, median());
  ASSERT_EQ(simulation.stops.size(), 1u);
  EXPECT_EQ(simulation.stops[0].trial, 0);
  EXPECT_EQ(simulation.stops[0].interval, 1);
  EXPECT_EQ(simulation.stops[0].metric, 0.2);
  EXPECT_EQ(simulation.stops[0].threshold, 0.5);
  // At 2 the averages are 0.2 (ended), 0.55 and 0.85: trial 1's best, 0.6, is above the median.
  EXPECT_EQ(simulation.with_policy.progress.n_finished, 2);
  EXPECT_DOUBLE_EQ(simulation.with_policy.savings(), 2.0 / 9);
  EXPECT_EQ(simulation.with_policy.best.trial, 2);
  EXPECT_EQ(simulation.without_policy.best.trial, 0);
  EXPECT_DOUBLE_EQ(simulation.loss.value(), 0.1);
  EXPECT_EQ(simulation.rank, 2);
}

TEST(Simulation, WithoutAPolicyNothingIsSavedOrLost) {
  const RecordedCurves curves = recorded({{3, 1}, {2, 2, 0.5}});
  const Simulation simulation = simulate(curves, Goal::kMinimize, EarlyTermination{});
  EXPECT_TRUE(simulation.stops.empty());
  EXPECT_EQ(simulation.with_policy.savings(), 0);
  EXPECT_EQ(simulation.with_policy.progress.n_finished, 2);
  EXPECT_EQ(simulation.with_policy.progress.trial_intervals, 5);
  EXPECT_EQ(simulation.with_policy.best.trial, 1);
  EXPECT_EQ(simulation.with_policy.best.interval, 3);
  EXPECT_EQ(simulation.loss, 0);
  EXPECT_FALSE(std::signbit(simulation.loss.value()));
  EXPECT_EQ(simulation.rank, 1);
}

TEST(Simulation, NothingFiniteHasNoBest) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Simulation simulation = simulate(recorded({{nan, 1}, {nan}}), Goal::kMaximize, median());
  EXPECT_EQ(simulation.with_policy.progress.n_diverged, 2);
  EXPECT_EQ(simulation.with_policy.best.trial, -1);
  EXPECT_EQ(simulation.loss, std::nullopt);
  EXPECT_EQ(simulation.rank, 0);
}

// What follows a record's divergence was never trained, with or without a policy.
TEST(Simulation, ADivergedTrialEndsWithoutThePolicyToo) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Simulation simulation = simulate(recorded({{0.1, nan, 5}, {0.2, 0.3, 0.4}}), Goal::kMaximize, median(1, 2));
  EXPECT_EQ(simulation.without_policy.best.metric, 0.4);
  EXPECT_EQ(simulation.with_policy.progress.trial_intervals_full, 5);
  EXPECT_EQ(simulation.loss, 0);
}

TEST(Simulation, ConcurrencyChangesWhoIsCompared) {
  // One at a time: trial 1 is judged beside trial 0 alone, whose average at 1 is 1; all at once: beside trial 2's too.
  const RecordedCurves curves = recorded({{1, 1}, {0.9, 2}, {0.1, 0.1}});
  const Simulation all = simulate(curves, Goal::kMaximize, median(1, 0, MedianReference::kReached));
  const Simulation one = simulate(curves, Goal::kMaximize, median(1, 0, MedianReference::kReached), 1);
  ASSERT_EQ(all.stops.size(), 1u);
  EXPECT_EQ(all.stops[0].trial, 2);
  EXPECT_EQ(all.rank, 1);
  // 0.9 is below (1 + 0.9) / 2; then 0.1 is below 0.9.
  ASSERT_EQ(one.stops.size(), 2u);
  EXPECT_EQ(one.stops[0].trial, 1);
  EXPECT_DOUBLE_EQ(one.stops[0].threshold, 0.95);
  EXPECT_EQ(one.loss, 1);
  EXPECT_EQ(one.rank, 2) << "trial 1 would have reached 2";
}

/// 265 convolutional networks on CIFAR-10, validation error (Klein et al., ICLR 2017).
class RealCurves : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* shared = std::getenv("LOCKSTEP_SHARED_DATA");
    const std::filesystem::path folder =
        shared ? std::filesystem::path(shared) : std::filesystem::path(LOCKSTEP_SOURCE_DIR) / ".." / "shared" / "data";
    const auto path = folder / "klein2017_error_curves_265x40.csv";
    if (!std::filesystem::exists(path)) {
      GTEST_SKIP() << "no " << path.filename() << ", which cannot be shipped; set LOCKSTEP_SHARED_DATA to its folder";
    }
    curves = load_curves_csv(path.string());
  }
  RecordedCurves curves;
};

TEST_F(RealCurves, MedianStoppingSavesAThirdAndKeepsTheBest) {
  ASSERT_EQ(curves.n_trials(), 265);
  ASSERT_EQ(curves.n_values(), 265 * 40);
  const Simulation simulation = simulate(curves, Goal::kMinimize, median(1, 5));
  EXPECT_EQ(simulation.stops.size(), 102u);
  EXPECT_NEAR(simulation.with_policy.savings(), 0.3336, 0.00005);
  EXPECT_NEAR(simulation.with_policy.best.metric, 0.1499, 0.00005);
  EXPECT_EQ(simulation.with_policy.best.trial, simulation.without_policy.best.trial);
  EXPECT_EQ(simulation.loss, 0);
  EXPECT_EQ(simulation.rank, 1);
}

TEST_F(RealCurves, ComparingWithThoseThatReachedStopsMore) {
  const Simulation simulation = simulate(curves, Goal::kMinimize, median(1, 5, MedianReference::kReached));
  EXPECT_NEAR(simulation.with_policy.savings(), 0.472, 0.0005);
}

}  // namespace
}  // namespace lockstep
