#include "report/leaderboard.h"

#include <limits>

#include <gtest/gtest.h>

namespace lockstep {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

Configurations four_trials() { return Configurations(SearchSpace().add("x", uniform(0, 1)), 10, 4, {0.1, 0.2, 0.3, 0.4}); }

std::vector<int64_t> ids(const std::vector<BestTrial>& top) {
  std::vector<int64_t> out;
  for (const auto& best : top) out.push_back(best.trial);
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
  const auto top = filled(Goal::kMaximize).top(10);
  EXPECT_EQ(ids(top), (std::vector<int64_t>{11, 10, 13}));  // 12 never reported a finite metric
  EXPECT_EQ(top[0].interval, 1);
  EXPECT_EQ(top[0].metric, 0.9);
  EXPECT_EQ(top[1].interval, 2);
}

TEST(Leaderboard, RanksSmallestFirstWhenMinimising) {
  const auto top = filled(Goal::kMinimize).top(2);
  EXPECT_EQ(ids(top), (std::vector<int64_t>{10, 13}));
  EXPECT_EQ(top[0].interval, 1);
}

TEST(Leaderboard, IsEmptyBeforeAnyReport) { EXPECT_TRUE(Leaderboard().top(5).empty()); }

}  // namespace
}  // namespace lockstep
