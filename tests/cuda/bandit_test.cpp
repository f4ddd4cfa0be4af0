// Bandit: its rules one by one, then against plain std:: code on random histories.
#include "cuda/policy_test.h"

namespace lockstep::test {
namespace {

/// The rule, by its words: slow and plain.
Verdict reference_verdict(Goal goal, const EarlyTermination& policy, const History& history, int64_t trial) {
  Verdict verdict;
  const int64_t n = history.n_reported[trial];
  if (n == 0) return verdict;
  const double sign = goal == Goal::kMaximize ? 1 : -1;
  verdict.value = sign * best_score_at(goal, history, trial, n);
  const auto all = scores_at_equal_age(goal, history, n, [](int64_t) { return true; });
  const auto others = scores_at_equal_age(goal, history, n, [trial](int64_t other) { return other != trial; });
  if (!acts_at(policy, n) || others.empty()) return verdict;
  const double best = sign * *std::max_element(all.begin(), all.end());
  if (!std::isfinite(best)) return verdict;
  verdict.judged = 1;
  verdict.best = best;
  verdict.threshold = best;
  if (policy.slack_amount) {
    verdict.threshold = best - sign * *policy.slack_amount;
  } else if (best > 0) {
    verdict.threshold = goal == Goal::kMaximize ? best / (1 + *policy.slack_factor) : best * (1 + *policy.slack_factor);
  } else {
    return verdict;
  }
  verdict.stop = goal == Goal::kMaximize ? verdict.value < verdict.threshold : verdict.value > verdict.threshold;
  return verdict;
}

EarlyTermination with_factor(double slack) {
  EarlyTermination policy;
  policy.kind = PolicyKind::kBandit;
  policy.slack_factor = slack;
  return policy;
}
EarlyTermination with_amount(double slack) {
  EarlyTermination policy;
  policy.kind = PolicyKind::kBandit;
  policy.slack_amount = slack;
  return policy;
}

class Bandit : public PolicyTest {
 protected:
  Bandit() : PolicyTest(with_factor(0.2)) {}
};
LOCKSTEP_EVERY_BACKEND(Bandit);

TEST_P(Bandit, StopsBelowTheBestOverOnePlusTheFactor) {
  const History history = history_of({{0.66}, {0.67}, {0.8}});
  expect_verdict(judge(history, 0), true, 0.66, 0.8 / 1.2);
  expect_verdict(judge(history, 1), false, 0.67, 0.8 / 1.2);
  expect_verdict(judge(history, 2), false, 0.8, 0.8 / 1.2);
  EXPECT_EQ(judge(history, 0).best, 0.8);
}

TEST_P(Bandit, StopsBelowTheBestLessTheAmountAndKeepsATrialAtIt) {
  policy_ = with_amount(0.25);
  const History history = history_of({{0.5}, {0.75}, {1}});
  expect_verdict(judge(history, 0), true, 0.5, 0.75);
  expect_verdict(judge(history, 1), false, 0.75, 0.75);
}

TEST_P(Bandit, MinimisingIsTheMirror) {
  const History history = history_of({{0.5}, {0.625}, {0.75}}, Goal::kMinimize);
  policy_ = with_factor(0.25);
  expect_verdict(judge(history, 1, Goal::kMinimize), false, 0.625, 0.625);
  expect_verdict(judge(history, 2, Goal::kMinimize), true, 0.75, 0.625);
  policy_ = with_amount(0.125);
  expect_verdict(judge(history, 1, Goal::kMinimize), false, 0.625, 0.625);
  expect_verdict(judge(history, 2, Goal::kMinimize), true, 0.75, 0.625);
}

TEST_P(Bandit, WithoutSlackKeepsTheBestAndItsEquals) {
  for (const EarlyTermination& policy : {with_factor(0), with_amount(0)}) {
    policy_ = policy;
    const History history = history_of({{0.5}, {0.75}, {0.75}});
    expect_verdict(judge(history, 0), true, 0.5, 0.75);
    expect_verdict(judge(history, 1), false, 0.75, 0.75);
    expect_verdict(judge(history, 2), false, 0.75, 0.75);
  }
}

TEST_P(Bandit, AnAmountTakesMetricsBelowZero) {
  policy_ = with_amount(0.25);
  expect_verdict(judge(history_of({{-0.75}, {-0.25}}), 0), true, -0.75, -0.5);
  expect_verdict(judge(history_of({{-0.25}, {-0.75}}, Goal::kMinimize), 0, Goal::kMinimize), true, -0.25, -0.5);
}

TEST_P(Bandit, ARatioOfABestNotAboveZeroStopsNobodyAndShows) {
  for (const Goal goal : {Goal::kMaximize, Goal::kMinimize}) {
    const double worse = goal == Goal::kMaximize ? -9 : 9;
    for (const double best : {0.0, -0.5}) {
      const Verdict verdict = judge(history_of({{worse}, {best}}, goal), 0, goal);
      expect_verdict(verdict, false, worse, best);
      EXPECT_EQ(verdict.best, best);
    }
  }
}

TEST_P(Bandit, ComparesBestsAtEqualAge) {
  // Trial 1 is ahead only later, trial 2 has not come so far; trial 3's peak counts although it has fallen since.
  policy_ = with_amount(0.1);
  History history = history_of({{0.5, 0.2}, {0.3, 0.4, 0.9}, {0.9}, {0.6, 0.1, 0.1}});
  expect_verdict(judge(history, 0), false, 0.5, 0.5);
  // Whatever became of it.
  for (const TrialState state : {TrialState::kStopped, TrialState::kFinished, TrialState::kAborted}) {
    history.state[3] = state;
    expect_verdict(judge(history, 0), false, 0.5, 0.5);
  }
  history.state[3] = TrialState::kWaiting;
  expect_verdict(judge(history, 0), false, 0.5, 0.4);
}

TEST_P(Bandit, DivergedTrialRanksWorst) {
  // The second was the best before it diverged.
  const History history = history_of({{0.5, 0.5}, {0.9, std::nan("")}, {0.4, 0.4}});
  expect_verdict(judge(history, 0), false, 0.5, 0.5 / 1.2);
  expect_verdict(judge(history, 2), true, 0.4, 0.5 / 1.2);
  const History young = history_of({{0.5}, {0.9, kInf}, {0.4}});
  EXPECT_EQ(judge(young, 2).best, 0.5);
}

TEST_P(Bandit, ActsAtMultiplesOfItsIntervalFromTheDelayOn) {
  policy_.evaluation_interval = 2;
  policy_.delay_evaluation = 3;
  const int expected[] = {0, 0, 0, 1, 0, 1};
  for (int64_t n = 1; n <= 6; ++n) {
    const Verdict verdict = judge(history_of({std::vector<double>(n, 0.1), std::vector<double>(n, 0.9)}), 0);
    EXPECT_EQ(verdict.judged, expected[n - 1]) << n;
    EXPECT_EQ(verdict.stop, expected[n - 1]) << n;
  }
}

TEST_P(Bandit, JudgesNobodyAlone) {
  EXPECT_EQ(judge(history_of({{0.5}}), 0).judged, 0);
  EXPECT_TRUE(judge(Goal::kMaximize, policy_, history_of({{0.5}}), {}).empty());
}

TEST_P(Bandit, ASlackMayBeLargerThanAnyNumber) {
  const double largest = std::numeric_limits<double>::max();
  policy_ = with_amount(largest);
  expect_verdict(judge(history_of({{largest}, {-largest}}, Goal::kMinimize), 0, Goal::kMinimize), true, largest, 0);
  expect_verdict(judge(history_of({{-largest}, {-largest}}), 0), false, -largest, -kInf);
  policy_ = with_factor(largest);
  expect_verdict(judge(history_of({{largest}, {2}}, Goal::kMinimize), 0, Goal::kMinimize), false, largest, kInf);
}

TEST_P(Bandit, RefusesWrongSettings) {
  const History history = history_of({{0.5}, {0.6}});
  EarlyTermination both = with_factor(0.1);
  both.slack_amount = 0.1;
  EarlyTermination no_interval = with_factor(0.1);
  no_interval.evaluation_interval = 0;
  EarlyTermination none;
  none.kind = PolicyKind::kBandit;
  for (const EarlyTermination& policy :
       {both, none, no_interval, with_factor(-0.1), with_amount(-1), with_factor(kInf), with_amount(std::nan(""))}) {
    EXPECT_THROW(judge(Goal::kMaximize, policy, history, {0}), DeviceError);
  }
}

TEST_P(Bandit, EqualsThePlainRuleOnRandomHistories) {
  expect_plain_rule(
      [](Random& random, EarlyTermination& policy) {
        // On the histories' grid, so that trials stand exactly at the threshold too.
        const double slack = static_cast<double>(below(random, 4)) / 4;
        policy.slack_factor.reset();
        (below(random, 2) ? policy.slack_factor : policy.slack_amount) = slack;
      },
      reference_verdict);
}

}  // namespace
}  // namespace lockstep::test
