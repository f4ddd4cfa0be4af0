// ASHA: its rules one by one, then against plain std:: code on random histories.
#include "cuda/policy_test.h"

namespace lockstep::test {
namespace {

bool is_rung(const EarlyTermination& policy, int64_t n) {
  int64_t rung = policy.min_resource;
  for (int64_t i = 0; i < policy.min_early_stopping_rate; ++i) rung *= policy.reduction_factor;
  while (rung < n) rung *= policy.reduction_factor;
  return rung == n;
}

/// The rule, by its words: slow and plain.
Verdict reference_verdict(Goal goal, const EarlyTermination& policy, const History& history, int64_t trial) {
  Verdict verdict;
  const double sign = goal == Goal::kMaximize ? 1 : -1;
  const int64_t n = history.n_reported[trial];
  verdict.value = sign * best_score_at(goal, history, trial, n);
  if (!is_rung(policy, n)) return verdict;
  std::vector<std::pair<double, int64_t>> ranked;
  for (int64_t other = 0; other < history.n_trials; ++other) {
    if (history.n_reported[other] < n) continue;
    ranked.emplace_back(score_of_metric(goal, history.metrics[other][n - 1]), other);
  }
  if (ranked.size() == 1) return verdict;
  sort_by_rank(ranked);
  const size_t n_kept = std::max<size_t>(1, ranked.size() / policy.reduction_factor);
  const double own = score_of_metric(goal, history.metrics[trial][n - 1]);
  const auto place = std::find(ranked.begin(), ranked.end(), std::pair(own, trial)) - ranked.begin();
  verdict.judged = 1;
  verdict.stop = static_cast<size_t>(place) >= n_kept;
  verdict.value = goal == Goal::kMaximize ? own : 0.0 - own;
  verdict.threshold = goal == Goal::kMaximize ? ranked[n_kept - 1].first : 0.0 - ranked[n_kept - 1].first;
  verdict.n_compared = static_cast<int32_t>(ranked.size());
  verdict.n_kept = static_cast<int32_t>(n_kept);
  return verdict;
}

EarlyTermination asha(int64_t eta, int64_t min_resource = 1, int64_t rate = 0) {
  EarlyTermination policy;
  policy.kind = PolicyKind::kAsha;
  policy.reduction_factor = eta;
  policy.min_resource = min_resource;
  policy.min_early_stopping_rate = rate;
  return policy;
}

class Asha : public PolicyTest {
 protected:
  Asha() : PolicyTest(asha(2)) {}

  /// Which of all trials stop.
  std::string stopped(const History& history, Goal goal = Goal::kMaximize) {
    std::vector<int64_t> trials(history.n_trials);
    std::iota(trials.begin(), trials.end(), 0);
    std::string marks;
    for (const Event& event : judge(goal, policy_, history, trials)) marks += event.verdict.stop ? 'x' : '.';
    return marks;
  }
};
LOCKSTEP_EVERY_BACKEND(Asha);

TEST_P(Asha, KeepsTheBestPartAtARung) {
  const History history = history_of({{0.4}, {0.1}, {0.3}, {0.2}});
  EXPECT_EQ(stopped(history), ".x.x");
  expect_verdict(judge(history, 3), true, 0.2, 0.3);
  expect_verdict(judge(history, 2), false, 0.3, 0.3);
  EXPECT_EQ(judge(history, 3).n_compared, 4);
  EXPECT_EQ(judge(history, 3).n_kept, 2);
}

TEST_P(Asha, RoundsThePartDownAndKeepsOne) {
  policy_ = asha(3);
  EXPECT_EQ(stopped(history_of({{1}, {2}})), "x.");
  EXPECT_EQ(stopped(history_of({{1}, {2}, {3}, {4}, {5}})), "xxxx.");
  EXPECT_EQ(stopped(history_of({{1}, {2}, {3}, {4}, {5}, {6}})), "xxxx..");
}

TEST_P(Asha, TiesGoToTheLowerId) {
  EXPECT_EQ(stopped(history_of({{0.5}, {0.5}, {0.5}, {0.5}})), "..xx");
  EXPECT_EQ(stopped(history_of({{0.1}, {0.5}, {0.5}, {0.9}})), "x.x.");
  EXPECT_EQ(stopped(history_of({{-0.0}, {0.0}})), ".x");
}

TEST_P(Asha, ActsAtItsRungsAlone) {
  policy_ = asha(2, 3);
  const std::vector<int> expected = {0, 0, 1, 0, 0, 1, 0, 0};
  for (int64_t n = 1; n <= 8; ++n) {
    const Verdict verdict = judge(history_of({std::vector<double>(n, 0.1), std::vector<double>(n, 0.9)}), 0);
    EXPECT_EQ(verdict.judged, expected[n - 1]) << n;
    EXPECT_EQ(verdict.stop, expected[n - 1]) << n;
  }
}

TEST_P(Asha, TheRateSkipsTheFirstRungs) {
  policy_ = asha(2, 1, 2);
  for (int64_t n = 1; n <= 8; ++n) {
    const Verdict verdict = judge(history_of({std::vector<double>(n, 0.1), std::vector<double>(n, 0.9)}), 0);
    EXPECT_EQ(verdict.judged, n == 4 || n == 8) << n;
  }
  policy_.min_early_stopping_rate = 1'000'000;
  EXPECT_EQ(stopped(history_of({{0.1}, {0.9}})), "..");
}

TEST_P(Asha, ComparesTheMetricAtTheRungWithAllThatCameThere) {
  // At interval 2: 0.2, 0.3 of one that is further, 0.9 of one that was stopped there; 0.8 has not come so far.
  History history = history_of({{0.9, 0.2}, {0.1, 0.3, 0.9}, {0.1, 0.9}, {0.8}});
  history.state[2] = TrialState::kStopped;
  expect_verdict(judge(history, 0), true, 0.2, 0.9);
  EXPECT_EQ(judge(history, 0).n_compared, 3);
}

TEST_P(Asha, OfThoseThatComeTogetherNoneSeesTheOthersGone) {
  // One by one, the third would have been the best of the two that are left.
  EXPECT_EQ(stopped(history_of({{0.9}, {0.8}, {0.7}})), ".xx");
}

TEST_P(Asha, ADivergedTrialRanksLast) {
  const History history = history_of({{std::nan("")}, {kInf}, {0.1}, {-5}});
  EXPECT_EQ(stopped(history), "....");
  expect_verdict(judge(history, 3), false, -5, -5);
  expect_verdict(judge(history_of({{std::nan("")}, {2}, {1}}, Goal::kMinimize), 2, Goal::kMinimize), false, 1, 1);
}

TEST_P(Asha, JudgesNobodyAlone) { EXPECT_EQ(judge(history_of({{0.5}, {}}), 0).judged, 0); }

TEST_P(Asha, RefusesWrongSettings) {
  const History history = history_of({{0.5}, {0.6}});
  for (const EarlyTermination& policy : {asha(1), asha(2, 0)}) {
    EXPECT_THROW(judge(Goal::kMaximize, policy, history, {0}), DeviceError);
  }
}

TEST_P(Asha, EqualsThePlainRuleOnRandomHistories) {
  expect_plain_rule(
      [](Random& random, EarlyTermination& policy) {
        policy.reduction_factor = 2 + below(random, 3);
        policy.min_resource = 1 + below(random, 2);
        policy.min_early_stopping_rate = below(random, 5) == 0 ? 1 : 0;
      },
      reference_verdict);
}

}  // namespace
}  // namespace lockstep::test
