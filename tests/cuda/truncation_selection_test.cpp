// Truncation selection: its rules one by one, then against plain std:: code on random histories.
#include <numeric>

#include "cuda/policy_test.h"

namespace lockstep::test {
namespace {

/// The rule, by its words: slow and plain. A trial is among the lowest K, ties surviving, when no more than K are as low.
Verdict reference_verdict(Goal goal, const EarlyTermination& policy, const History& history, int64_t trial) {
  Verdict verdict;
  const int64_t n = history.n_reported[trial];
  if (n == 0) return verdict;
  const double sign = goal == Goal::kMaximize ? 1 : -1;
  const double score = best_score_at(goal, history, trial, n);
  verdict.value = sign * score;
  const auto is_compared = [&](int64_t other) {
    return !policy.exclude_finished_jobs || history.state[other] != TrialState::kFinished;
  };
  auto all = scores_at_equal_age(goal, history, n, is_compared);
  const auto others =
      scores_at_equal_age(goal, history, n, [&](int64_t other) { return other != trial && is_compared(other); });
  if (!acts_at(policy, n) || others.empty()) return verdict;
  const size_t n_lowest = all.size() * static_cast<size_t>(policy.truncation_percentage) / 100;
  const auto n_as_low = std::count_if(all.begin(), all.end(), [score](double other) { return other <= score; });
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n_lowest), all.end());
  verdict.judged = 1;
  verdict.stop = static_cast<size_t>(n_as_low) <= n_lowest;
  verdict.threshold = sign * all[n_lowest];
  return verdict;
}

EarlyTermination lowest(int64_t percentage) {
  EarlyTermination policy;
  policy.kind = PolicyKind::kTruncationSelection;
  policy.truncation_percentage = percentage;
  return policy;
}

class TruncationSelection : public PolicyTest {
 protected:
  TruncationSelection() : PolicyTest(lowest(50)) {}

  /// Which of all trials stop.
  std::string stopped(const History& history, Goal goal = Goal::kMaximize) {
    std::vector<int64_t> trials(history.n_trials);
    std::iota(trials.begin(), trials.end(), 0);
    std::string marks;
    for (const Event& event : judge(goal, policy_, history, trials)) {
      marks += event.decision == Decision::kDiverge ? '!' : event.decision == Decision::kStop ? 'x' : '.';
    }
    return marks;
  }
};
LOCKSTEP_EVERY_BACKEND(TruncationSelection);

TEST_P(TruncationSelection, StopsTheLowestPercentage) {
  const History history = history_of({{0.4}, {0.1}, {0.3}, {0.2}});
  EXPECT_EQ(stopped(history), ".x.x");
  expect_verdict(judge(history, 3), true, 0.2, 0.3);
  expect_verdict(judge(history, 2), false, 0.3, 0.3);
}

TEST_P(TruncationSelection, RoundsTheirNumberDown) {
  const History history = history_of({{0.4}, {0.1}, {0.3}, {0.2}});
  const std::vector<std::pair<int64_t, std::string>> cases = {
      {1, "...."}, {24, "...."}, {25, ".x.."}, {49, ".x.."}, {74, ".x.x"}, {75, ".xxx"}, {99, ".xxx"}};
  for (const auto& [percentage, expected] : cases) {
    policy_ = lowest(percentage);
    EXPECT_EQ(stopped(history), expected) << percentage;
  }
}

TEST_P(TruncationSelection, TiesSurvive) {
  EXPECT_EQ(stopped(history_of({{0.1}, {0.2}, {0.2}, {0.3}})), "x...");
  EXPECT_EQ(stopped(history_of({{0.1}, {0.1}, {0.2}, {0.3}})), "xx..");
  EXPECT_EQ(stopped(history_of({{0.2}, {0.2}, {0.2}, {0.2}})), "....");
}

TEST_P(TruncationSelection, TheBestNeverStops) {
  policy_ = lowest(99);
  EXPECT_EQ(stopped(history_of({{0.1}, {0.2}})), "x.");
  EXPECT_EQ(stopped(history_of({{0.3}, {0.3}, {0.1}})), "..x");
}

TEST_P(TruncationSelection, MinimisingStopsTheHighest) {
  const History history = history_of({{0.4}, {-0.1}, {0.3}, {0.2}}, Goal::kMinimize);
  EXPECT_EQ(stopped(history, Goal::kMinimize), "x.x.");
  expect_verdict(judge(history, 2, Goal::kMinimize), true, 0.3, 0.2);
}

TEST_P(TruncationSelection, ComparesBestsAtEqualAge) {
  // Trial 0 is the better until trial 1's third interval; trial 2 has not come so far.
  const History history = history_of({{0.5, 0.2}, {0.3, 0.4, 0.9}, {0.1}});
  expect_verdict(judge(history, 0), false, 0.5, 0.5);
}

TEST_P(TruncationSelection, TrialsThatEndedCount) {
  History history = history_of({{0.5}, {0.1, 0.1}, {0.2, 0.2}, {0.9}});
  policy_ = lowest(75);
  expect_verdict(judge(history, 0), true, 0.5, 0.9);
  history.state[1] = TrialState::kStopped;
  history.state[2] = TrialState::kFinished;
  expect_verdict(judge(history, 0), true, 0.5, 0.9);
  policy_.exclude_finished_jobs = true;  // 3 are left: 0.1, 0.5, 0.9
  expect_verdict(judge(history, 0), true, 0.5, 0.9);
  policy_.truncation_percentage = 50;
  expect_verdict(judge(history, 0), false, 0.5, 0.5);
  policy_.exclude_finished_jobs = false;
  expect_verdict(judge(history, 0), false, 0.5, 0.5);
}

TEST_P(TruncationSelection, ExcludingFinishedTrialsMayChangeWhoStops) {
  History history = history_of({{0.1, 0.1}, {0.2}, {0.3}, {0.4}});
  policy_ = lowest(50);
  history.state[0] = TrialState::kFinished;
  expect_verdict(judge(history, 1), true, 0.2, 0.3);
  policy_ = lowest(33);
  policy_.exclude_finished_jobs = true;
  expect_verdict(judge(history, 1), false, 0.2, 0.2);
  history.state[2] = history.state[3] = TrialState::kFinished;
  EXPECT_EQ(judge(history, 1).judged, 0);
}

TEST_P(TruncationSelection, DivergedTrialRanksWorst) {
  const History history = history_of({{0.9, std::nan("")}, {0.1, 0.1}, {0.2, 0.2}, {0.3, 0.3}});
  EXPECT_EQ(judge(history, 1).stop, 1);  // with the diverged one the lowest 2 of 4
  EXPECT_EQ(judge(history, 2).stop, 0);
  const History diverged = history_of({{std::nan("")}, {kInf}, {-kInf}, {0.1}});
  expect_verdict(judge(diverged, 3), false, 0.1, -kInf);
  EXPECT_EQ(stopped(diverged), "!!!.");
}

TEST_P(TruncationSelection, ActsAtMultiplesOfItsIntervalFromTheDelayOn) {
  policy_.evaluation_interval = 2;
  policy_.delay_evaluation = 3;
  const int expected[] = {0, 0, 0, 1, 0, 1};
  for (int64_t n = 1; n <= 6; ++n) {
    const Verdict verdict = judge(history_of({std::vector<double>(n, 0.1), std::vector<double>(n, 0.9)}), 0);
    EXPECT_EQ(verdict.judged, expected[n - 1]) << n;
    EXPECT_EQ(verdict.stop, expected[n - 1]) << n;
  }
}

TEST_P(TruncationSelection, JudgesNobodyAlone) {
  EXPECT_EQ(judge(history_of({{0.5}}), 0).judged, 0);
  EXPECT_TRUE(judge(Goal::kMaximize, policy_, history_of({{0.5}}), {}).empty());
}

TEST_P(TruncationSelection, RefusesWrongSettings) {
  const History history = history_of({{0.5}, {0.6}});
  EarlyTermination no_interval = lowest(20);
  no_interval.evaluation_interval = 0;
  for (const EarlyTermination& policy : {lowest(0), lowest(100), lowest(-5), no_interval}) {
    EXPECT_THROW(judge(Goal::kMaximize, policy, history, {0}), DeviceError);
  }
}

TEST_P(TruncationSelection, EqualsThePlainRuleOnRandomHistories) {
  expect_plain_rule(
      [](Random& random, EarlyTermination& policy) {
        policy.truncation_percentage = 1 + below(random, 99);
        policy.exclude_finished_jobs = below(random, 2) == 0;
      },
      reference_verdict);
}

}  // namespace
}  // namespace lockstep::test
