// Median stopping: its rules one by one, then against plain std:: code on random histories.
#include "cuda/policy_test.h"

namespace lockstep::test {
namespace {

/// The rule, by its words: slow and plain.
Verdict reference_verdict(Goal goal, const EarlyTermination& policy, const History& history, int64_t trial) {
  Verdict verdict;
  const int64_t n = history.n_reported[trial];
  const double sign = goal == Goal::kMaximize ? 1 : -1;
  if (n > 0) verdict.value = sign * best_score_at(goal, history, trial, n);
  std::vector<double> averages;
  bool others = false;
  for (int64_t other = 0; other < history.n_trials; ++other) {
    const TrialState state = history.state[other];
    const int64_t age = history.n_reported[other];
    if (age == 0 || state == TrialState::kWaiting) continue;
    bool compared = age >= n;
    if (policy.reference == MedianReference::kAll) compared = compared || state != TrialState::kRunning;
    if (policy.reference == MedianReference::kCompleted) compared = state == TrialState::kFinished;
    if (!compared) continue;
    averages.push_back(history.mean_score[history.at(other, std::min(age, n))]);
    others = others || other != trial;
  }
  if (acts_at(policy, n) && others) {
    std::sort(averages.begin(), averages.end());
    const size_t half = averages.size() / 2;
    const double median = averages.size() % 2 ? averages[half] : (averages[half - 1] + averages[half]) / 2;
    verdict.judged = 1;
    verdict.stop = sign * verdict.value < median;
    verdict.threshold = sign * median;
  }
  return verdict;
}

class MedianStopping : public PolicyTest {
 protected:
  MedianStopping() : PolicyTest({PolicyKind::kMedianStopping}) {}
};
LOCKSTEP_EVERY_BACKEND(MedianStopping);

TEST_P(MedianStopping, StopsATrialBelowTheMedian) {
  const History history = history_of({{0.1}, {0.5}, {0.9}});
  expect_verdict(judge(history, 0), true, 0.1, 0.5);
  expect_verdict(judge(history, 2), false, 0.9, 0.5);
}

TEST_P(MedianStopping, KeepsTrialAtMedian) {
  expect_verdict(judge(history_of({{0.1}, {0.5}, {0.9}}), 1), false, 0.5, 0.5);
  expect_verdict(judge(history_of({{0.5}, {0.5}, {0.5}, {0.5}}), 3), false, 0.5, 0.5);
}

TEST_P(MedianStopping, EvenCountTakesTheMeanOfTheMiddleTwo) {
  const History history = history_of({{1}, {2}, {4}, {8}});
  expect_verdict(judge(history, 1), true, 2, 3);
  expect_verdict(judge(history, 2), false, 4, 3);
}

TEST_P(MedianStopping, ComparesTheBestWithAverages) {
  // Trial 0's last metric and its average are below the median, 0.5; its best is not.
  const History history = history_of({{0.6, 0.0, 0.0}, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}});
  expect_verdict(judge(history, 0), false, 0.6, 0.5);
}

TEST_P(MedianStopping, LeavesOutAYoungerRunningTrial) {
  History history = history_of({{0.5, 0.5}, {0.4, 0.4}, {0.9}, {0.9}});
  expect_verdict(judge(history, 0), false, 0.5, 0.45);
  // Once ended, they count with their last average.
  history.state[2] = history.state[3] = TrialState::kStopped;
  expect_verdict(judge(history, 0), true, 0.5, 0.7);
  policy_.reference = MedianReference::kReached;
  expect_verdict(judge(history, 0), false, 0.5, 0.45);
}

TEST_P(MedianStopping, AbortedCountsAsEndedAndWaitingNever) {
  History history = history_of({{0.5, 0.5}, {0.9}});
  history.state[1] = TrialState::kAborted;
  expect_verdict(judge(history, 0), true, 0.5, 0.7);
  history.state[1] = TrialState::kWaiting;
  EXPECT_EQ(judge(history, 0).judged, 0);
}

TEST_P(MedianStopping, OlderTrialCountsAsItWasAtThatAge) {
  const History history = history_of({{0.5}, {0.2, 0.9, 0.9}, {0.3, 0.9, 0.9}});
  expect_verdict(judge(history, 0), false, 0.5, 0.3);
}

TEST_P(MedianStopping, CompletedComparesWithFinishedTrialsAlone) {
  policy_.reference = MedianReference::kCompleted;
  History history = history_of({{0.1, 0.1}, {0.5, 0.7, 0.9}, {0.9, 0.9}});
  Verdict verdict = judge(history, 0);
  EXPECT_EQ(verdict.judged, 0);
  EXPECT_EQ(verdict.stop, 0);
  EXPECT_EQ(verdict.value, 0.1);
  history.state[1] = TrialState::kFinished;
  expect_verdict(judge(history, 0), true, 0.1, (0.5 + 0.7) / 2);
}

TEST_P(MedianStopping, DivergedTrialRanksWorst) {
  const History history = history_of({{0.1}, {std::nan("")}, {0.9}});
  expect_verdict(judge(history, 0), false, 0.1, 0.1);
  EXPECT_EQ(judge(Goal::kMaximize, policy_, history, {1})[0].decision, Decision::kDiverge);
  EXPECT_EQ(judge(history, 1).judged, 0);
  const History most_diverged = history_of({{0.1}, {std::nan("")}, {kInf}, {-kInf}});
  expect_verdict(judge(most_diverged, 0), false, 0.1, -kInf);
}

TEST_P(MedianStopping, MinimisingStopsAboveTheMedian) {
  History history(3, 2);
  report(history, 0, Goal::kMinimize, 0.9);
  report(history, 1, Goal::kMinimize, 0.5);
  report(history, 2, Goal::kMinimize, -0.1);
  const auto events = judge(Goal::kMinimize, policy_, history, {0, 1, 2});
  expect_verdict(events[0].verdict, true, 0.9, 0.5);
  expect_verdict(events[1].verdict, false, 0.5, 0.5);
  expect_verdict(events[2].verdict, false, -0.1, 0.5);
}

TEST_P(MedianStopping, ActsAtMultiplesOfItsIntervalFromTheDelayOn) {
  policy_.evaluation_interval = 2;
  policy_.delay_evaluation = 3;
  const int expected[] = {0, 0, 0, 1, 0, 1};
  for (int64_t n = 1; n <= 6; ++n) {
    const History history = history_of({std::vector<double>(n, 0.1), std::vector<double>(n, 0.9)});
    EXPECT_EQ(judge(history, 0).judged, expected[n - 1]) << n;
    EXPECT_EQ(judge(history, 0).stop, expected[n - 1]) << n;
    EXPECT_EQ(judge(history, 0).value, 0.1) << n;
  }
}

TEST_P(MedianStopping, JudgesNobodyAlone) {
  EXPECT_EQ(judge(history_of({{0.5}}), 0).judged, 0);
  EXPECT_TRUE(judge(Goal::kMaximize, policy_, history_of({{0.5}}), {}).empty());
}

TEST_P(MedianStopping, EveryAgeHasItsOwnMedian) {
  const History history = history_of({{0.5}, {0.1, 0.9}, {0.2, 0.8}, {0.3, 0.3, 0.3}});
  const auto events = judge(Goal::kMaximize, policy_, history, {3, 0, 1, 2});
  EXPECT_EQ(events[0].verdict.judged, 0);                // age 3: nobody else has reached it
  expect_verdict(events[1].verdict, false, 0.5, 0.25);   // age 1: 0.1 0.2 0.3 0.5
  expect_verdict(events[2].verdict, false, 0.9, 0.5);    // age 2: 0.3 0.5 0.5
  expect_verdict(events[3].verdict, false, 0.8, 0.5);
}

TEST_P(MedianStopping, MiddleTwoMayBeTheLargestNumbers) {
  const double largest = std::numeric_limits<double>::max();
  expect_verdict(judge(history_of({{largest}, {largest}}), 0), false, largest, largest);
  expect_verdict(judge(history_of({{largest}, {largest / 2}}), 1), true, largest / 2, largest * 0.75);
}

TEST_P(MedianStopping, RefusesAnIntervalOfZero) {
  policy_.evaluation_interval = 0;
  EXPECT_THROW(judge(history_of({{0.5}, {0.6}}), 0), DeviceError);
}

TEST_P(MedianStopping, EqualsThePlainRuleOnRandomHistories) {
  expect_plain_rule(
      [](Random& random, EarlyTermination& policy) { policy.reference = static_cast<MedianReference>(below(random, 3)); },
      reference_verdict);
}

}  // namespace
}  // namespace lockstep::test
