// Median stopping: its rules one by one, then against plain std:: code on random histories.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "cuda/history_data.h"

namespace lockstep::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

/// Appends a report as record_metrics documents it, with the average as the sum over the number.
void report(History& history, int64_t trial, Goal goal, double metric) {
  const int64_t row = trial * history.n_intervals;
  const int64_t n = history.n_reported[trial]++;
  history.metric[row + n] = metric;
  double best = -kInf, sum = 0;
  for (int64_t i = 0; i <= n; ++i) {
    const double reported = history.metric[row + i];
    const double score = !std::isfinite(reported) ? -kInf : goal == Goal::kMaximize ? reported + 0.0 : 0.0 - reported;
    best = std::max(best, score);
    sum += score;
  }
  history.best_score[row + n] = best;
  history.mean_score[row + n] = sum / static_cast<double>(n + 1);
  if (!std::isfinite(metric)) history.state[trial] = TrialState::kDiverged;
}

/// The rule, by its words: slow and plain.
std::vector<Verdict> reference_verdicts(Goal goal, const EarlyTermination& policy, const History& history,
                                        const std::vector<int64_t>& trials) {
  std::vector<Verdict> verdicts;
  for (const int64_t trial : trials) {
    Verdict verdict;
    const int64_t n = history.n_reported[trial];
    const double sign = goal == Goal::kMaximize ? 1 : -1;
    if (n > 0) verdict.value = sign * history.best_score[trial * history.n_intervals + n - 1];
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
      averages.push_back(history.mean_score[other * history.n_intervals + std::min(age, n) - 1]);
      others = others || other != trial;
    }
    if (n > 0 && n % policy.evaluation_interval == 0 && n >= policy.delay_evaluation && others) {
      std::sort(averages.begin(), averages.end());
      const size_t half = averages.size() / 2;
      const double median = averages.size() % 2 ? averages[half] : (averages[half - 1] + averages[half]) / 2;
      verdict.judged = 1;
      verdict.stop = sign * verdict.value < median;
      verdict.threshold = sign * median;
    }
    verdicts.push_back(verdict);
  }
  return verdicts;
}

class MedianStopping : public BackendTest {
 protected:
  std::vector<Verdict> judge(Goal goal, const EarlyTermination& policy, const History& history,
                             const std::vector<int64_t>& trials) {
    const DeviceHistory device(*backend_, context_, history);
    const DeviceArray<int64_t> ids(*backend_, context_, trials);
    const DeviceArray<Verdict> verdicts(*backend_, context_, std::vector<Verdict>(trials.size(), {9, 9, 9, 9}));
    backend_->median_stopping(context_, goal, policy, device.view(), ids.data(), static_cast<int64_t>(trials.size()),
                              verdicts.data());
    return verdicts.to_host();
  }
  Verdict judge(const History& history, int64_t trial) { return judge(Goal::kMaximize, policy_, history, {trial})[0]; }

  /// Trials that have each reported these metrics, to be maximised.
  static History history_of(const std::vector<std::vector<double>>& metrics) {
    History history(static_cast<int64_t>(metrics.size()), 8);
    for (size_t trial = 0; trial < metrics.size(); ++trial) {
      for (const double metric : metrics[trial]) report(history, static_cast<int64_t>(trial), Goal::kMaximize, metric);
    }
    return history;
  }

  EarlyTermination policy_{PolicyKind::kMedianStopping, 1, 0, MedianReference::kAll};
};
LOCKSTEP_EVERY_BACKEND(MedianStopping);

void expect_verdict(const Verdict& verdict, bool stop, double value, double threshold) {
  EXPECT_EQ(verdict.judged, 1);
  EXPECT_EQ(verdict.stop, stop ? 1 : 0);
  EXPECT_EQ(verdict.value, value);
  EXPECT_EQ(verdict.threshold, threshold);
}

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
  expect_verdict(judge(history, 1), true, -kInf, 0.1);
  const History most_diverged = history_of({{0.1}, {std::nan("")}, {kInf}, {-kInf}});
  expect_verdict(judge(most_diverged, 0), false, 0.1, -kInf);
  expect_verdict(judge(most_diverged, 1), false, -kInf, -kInf);
}

TEST_P(MedianStopping, MinimisingStopsAboveTheMedian) {
  History history(3, 2);
  report(history, 0, Goal::kMinimize, 0.9);
  report(history, 1, Goal::kMinimize, 0.5);
  report(history, 2, Goal::kMinimize, -0.1);
  const auto verdicts = judge(Goal::kMinimize, policy_, history, {0, 1, 2});
  expect_verdict(verdicts[0], true, 0.9, 0.5);
  expect_verdict(verdicts[1], false, 0.5, 0.5);
  expect_verdict(verdicts[2], false, -0.1, 0.5);
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

TEST_P(MedianStopping, JudgesNobodyAloneOrWithoutAReport) {
  EXPECT_EQ(judge(history_of({{0.5}}), 0).judged, 0);
  EXPECT_EQ(judge(history_of({{}, {0.5}, {0.6}}), 0).judged, 0);
  EXPECT_TRUE(judge(Goal::kMaximize, policy_, history_of({{0.5}}), {}).empty());
}

TEST_P(MedianStopping, EveryAgeHasItsOwnMedian) {
  const History history = history_of({{0.5}, {0.1, 0.9}, {0.2, 0.8}, {0.3, 0.3, 0.3}});
  const auto verdicts = judge(Goal::kMaximize, policy_, history, {3, 0, 1, 2});
  EXPECT_EQ(verdicts[0].judged, 0);                // age 3: nobody else has reached it
  expect_verdict(verdicts[1], false, 0.5, 0.25);   // age 1: 0.1 0.2 0.3 0.5
  expect_verdict(verdicts[2], false, 0.9, 0.5);    // age 2: 0.3 0.5 0.5
  expect_verdict(verdicts[3], false, 0.8, 0.5);
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
  std::mt19937_64 random(11);
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  const int64_t n_histories = pick(6000, 60);
  int64_t n_judged = 0, n_stopped = 0, n_kept = 0, n_left_alone = 0;
  for (int64_t h = 0; h < n_histories; ++h) {
    const Goal goal = below(2) ? Goal::kMaximize : Goal::kMinimize;
    EarlyTermination policy;
    policy.kind = PolicyKind::kMedianStopping;
    policy.evaluation_interval = 1 + below(3);
    policy.delay_evaluation = below(4);
    policy.reference = static_cast<MedianReference>(below(3));
    History history(1 + below(40), 1 + below(10));
    // A coarse grid makes ties, on average and of bests; now and then a fine one.
    const bool coarse = below(4) != 0;
    const bool same_age = below(3) == 0;
    for (int64_t trial = 0; trial < history.n_trials; ++trial) {
      history.state[trial] = static_cast<TrialState>(below(6));
      if (history.state[trial] == TrialState::kDiverged) history.state[trial] = TrialState::kRunning;
      const int64_t age = same_age ? history.n_intervals : below(history.n_intervals + 1);
      for (int64_t i = 0; i < age; ++i) {
        double metric = coarse ? static_cast<double>(below(5) - 2) / 4 : static_cast<double>(below(1'000'000)) * 1e-6 - 0.5;
        if (below(40) == 0) metric = std::vector<double>{std::nan(""), kInf, -kInf}[below(3)];
        report(history, trial, goal, metric);
      }
    }
    std::vector<int64_t> trials(history.n_trials);
    std::iota(trials.begin(), trials.end(), 0);
    std::shuffle(trials.begin(), trials.end(), random);
    trials.resize(below(history.n_trials + 1));
    const auto expected = reference_verdicts(goal, policy, history, trials);
    const auto verdicts = judge(goal, policy, history, trials);
    for (size_t i = 0; i < trials.size(); ++i) {
      ASSERT_EQ(verdicts[i].judged, expected[i].judged) << "history " << h << ", trial " << trials[i];
      ASSERT_EQ(verdicts[i].stop, expected[i].stop) << "history " << h << ", trial " << trials[i];
      ASSERT_EQ(verdicts[i].value, expected[i].value) << "history " << h << ", trial " << trials[i];
      ASSERT_EQ(verdicts[i].threshold, expected[i].threshold) << "history " << h << ", trial " << trials[i];
      n_judged += verdicts[i].judged;
      n_stopped += verdicts[i].stop;
      n_kept += verdicts[i].judged && !verdicts[i].stop;
      n_left_alone += !verdicts[i].judged;
    }
    if (GetParam() == DeviceKind::kCpu) continue;
    // Bit for bit the host's, the sign of a zero included.
    std::vector<Verdict> on_host(trials.size());
    DeviceHistory copy(host_backend(), host_context(0), history);
    host_backend().median_stopping(host_context(0), goal, policy, copy.view(), trials.data(),
                                   static_cast<int64_t>(trials.size()), on_host.data());
    for (size_t i = 0; i < trials.size(); ++i) {
      ASSERT_TRUE(same_bits(std::vector<double>{verdicts[i].value, verdicts[i].threshold},
                            std::vector<double>{on_host[i].value, on_host[i].threshold}));
    }
  }
  // The histories must have tried every outcome.
  for (const int64_t n : {n_stopped, n_kept, n_left_alone}) EXPECT_GT(n, n_histories / 8) << n_judged << " judged";
}

}  // namespace
}  // namespace lockstep::test
