#include "report/leaderboard.h"

#include <limits>

#include <gtest/gtest.h>

namespace lockstep {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

Configurations four_trials() { return Configurations(SearchSpace().add("x", uniform(0, 1)), 10, 4, {0.1, 0.2, 0.3, 0.4}); }

std::vector<int64_t> ids(const std::vector<RankedTrial>& top) {
  std::vector<int64_t> out;
  for (const auto& ranked : top) out.push_back(ranked.best.trial);
  return out;
}

Leaderboard filled(Goal goal) {
  SweepSpec spec;
  spec.objective.goal = goal;
  Leaderboard board;
  board.on_start(spec, four_trials());
  IntervalReport report;
  report.metrics = {{10, 1, 0.5}, {11, 1, 0.9}, {12, 1, kNan}, {13, 1, 0.5}};
  board.on_interval(report);
  report.metrics = {{10, 2, 0.7}, {11, 2, 0.8}, {12, 2, kInf}, {13, 2, 0.7}};
  board.on_interval(report);
  return board;
}

TEST(Leaderboard, RanksBestOfAnyIntervalTiesById) {
  const auto top = filled(Goal::kMaximize).top(10, four_trials());
  EXPECT_EQ(ids(top), (std::vector<int64_t>{11, 10, 13}));  // 12 never reported a finite metric
  EXPECT_EQ(top[0].best.interval, 1);
  EXPECT_EQ(top[0].best.metric, 0.9);
  EXPECT_EQ(top[1].best.interval, 2);
}

TEST(Leaderboard, RanksSmallestFirstWhenMinimising) {
  const auto top = filled(Goal::kMinimize).top(2, four_trials());
  EXPECT_EQ(ids(top), (std::vector<int64_t>{10, 13}));
  EXPECT_EQ(top[0].best.interval, 1);
}

TEST(Leaderboard, HasTheConfigurationOfTheBestInterval) {
  SweepSpec spec;
  Leaderboard board;
  board.on_start(spec, four_trials());
  IntervalReport report;
  report.metrics = {{10, 1, 0.5}, {11, 1, 0.6}, {12, 1, 0.1}};
  report.exploits = {{10, 1, 11, {0.21}, 0.5, 0.6, ""}, {12, 1, 11, {0.22}, 0.1, 0.6, ""}};
  board.on_interval(report);
  report.metrics = {{10, 2, 0.4}, {11, 2, 0.7}, {12, 2, 0.65}};
  report.exploits = {{12, 2, 11, {0.23}, 0.65, 0.6, ""}};
  board.on_interval(report);
  report.metrics = {{10, 3, 0.9}, {11, 3, 0.7}, {12, 3, 0.6}};
  report.exploits.clear();
  board.on_interval(report);
  const auto top = board.top(3, four_trials());
  ASSERT_EQ(ids(top), (std::vector<int64_t>{10, 11, 12}));
  EXPECT_EQ(top[0].configuration.draws, std::vector<double>{0.21});  // interval 3, changed after 1
  EXPECT_EQ(top[0].configuration.n_exploits, 1);
  EXPECT_EQ(top[1].configuration.draws, std::vector<double>{0.2});
  EXPECT_EQ(top[1].configuration.n_exploits, 0);
  EXPECT_EQ(top[2].configuration.draws, std::vector<double>{0.22});  // interval 2, changed after 1 and after 2
  EXPECT_EQ(top[2].configuration.n_exploits, 1);
}

TEST(Leaderboard, IsEmptyBeforeAnyReport) { EXPECT_TRUE(Leaderboard().top(5, four_trials()).empty()); }

}  // namespace
}  // namespace lockstep
