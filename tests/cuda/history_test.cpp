// What the decision pass records: reports, best so far, running averages, divergence.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "cuda/sweep_data.h"

namespace lockstep::test {
namespace {

class MetricHistory : public BackendTest {
 protected:
  /// The sweep after an interval in which these trials run and report.
  Sweep record(History history, Goal goal, const std::vector<int64_t>& trials, const std::vector<double>& metrics) {
    Sweep sweep(std::move(history), trials);
    sweep.metrics = metrics;
    return decide_on(*backend_, context_, goal, EarlyTermination(), sweep);
  }
};
LOCKSTEP_EVERY_BACKEND(MetricHistory);

TEST_P(MetricHistory, AppendsToTheTrialsThatReport) {
  const Sweep first = record(History(3, 4), Goal::kMaximize, {2, 0}, {0.5, 0.25});
  const History history = record(first.history, Goal::kMaximize, {2}, {0.25}).history;
  EXPECT_EQ(history.n_reported, (std::vector<int32_t>{1, 0, 2}));
  EXPECT_EQ(history.score, (std::vector<double>{0.25, 0, 0.5, 0, 0, 0.25, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(history.best_score, (std::vector<double>{0.25, 0, 0.5, 0, 0, 0.5, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(history.mean_score, (std::vector<double>{0.25, 0, 0.5, 0, 0, 0.375, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(history.last_best, (std::vector<double>{0.25, 0, 0.5}));
  EXPECT_EQ(history.last_mean, (std::vector<double>{0.25, 0, 0.375}));
  EXPECT_EQ(first.events[0].trial, 2);
  EXPECT_EQ(first.events[0].metric, 0.5);
  EXPECT_EQ(first.events[1].trial, 0);
  EXPECT_EQ(first.events[1].interval, 1);
}

TEST_P(MetricHistory, TurnsTheSignWhenMinimising) {
  Sweep sweep(History(1, 3), {0});
  for (const double loss : {2.0, 1.0, 3.0}) sweep = record(sweep.history, Goal::kMinimize, {0}, {loss});
  EXPECT_EQ(sweep.events[0].metric, 3);
  EXPECT_EQ(sweep.events[0].verdict.value, 1);
  EXPECT_EQ(sweep.history.score, (std::vector<double>{-2, -1, -3}));
  EXPECT_EQ(sweep.history.best_score, (std::vector<double>{-2, -1, -1}));
  EXPECT_EQ(sweep.history.mean_score, (std::vector<double>{-2, -1.5, -2}));
}

TEST_P(MetricHistory, AMatrixThatIsNotKeptIsNotWritten) {
  Sweep sweep(History(1, 2), {0});
  sweep.metrics = {0.5};
  const DeviceSweep device(*backend_, context_, sweep);
  SweepView view = device.view();
  view.history.score = view.history.best_score = view.history.mean_score = nullptr;
  const EarlyTermination none;
  const int64_t age = 1;
  backend_->decide(context_, view, {Goal::kMaximize, &none, nullptr, &age, 1});
  EXPECT_EQ(device.to_host().history.last_best, std::vector<double>{0.5});
  EXPECT_EQ(device.to_host().history.score, (std::vector<double>{0, 0}));
  for (const PolicyKind kind : {PolicyKind::kMedianStopping, PolicyKind::kBandit, PolicyKind::kTruncationSelection}) {
    EarlyTermination policy;
    policy.kind = kind;
    policy.slack_amount = 0;
    policy.truncation_percentage = 20;
    EXPECT_THROW(backend_->decide(context_, view, {Goal::kMaximize, &policy, nullptr, &age, 1}), DeviceError);
  }
}

TEST_P(MetricHistory, MetricThatIsNotFiniteDiverges) {
  for (const Goal goal : {Goal::kMaximize, Goal::kMinimize}) {
    for (const double bad : {std::nan(""), kInf, -kInf}) {
      const double sign = goal == Goal::kMaximize ? 1 : -1;
      const Sweep first = record(History(2, 4), goal, {0, 1}, {sign * 0.5, sign * 0.5});
      const Sweep second = record(first.history, goal, first.slot_trial, {bad, sign * 0.75});
      EXPECT_EQ(second.history.state, (std::vector<TrialState>{TrialState::kDiverged, TrialState::kRunning}));
      EXPECT_EQ(second.events[0].decision, Decision::kDiverge);
      EXPECT_EQ(second.events[1].decision, Decision::kContinue);
      EXPECT_EQ(std::isnan(bad), std::isnan(second.events[0].metric));
      EXPECT_EQ(second.slot_trial, (std::vector<int64_t>{-1, 1}));
      EXPECT_EQ(second.history.score, (std::vector<double>{0.5, 0.5, -kInf, 0.75, 0, 0, 0, 0}));
      EXPECT_EQ(second.history.best_score, (std::vector<double>{0.5, 0.5, 0.5, 0.75, 0, 0, 0, 0}));
      EXPECT_EQ(second.history.mean_score, (std::vector<double>{0.5, 0.5, -kInf, 0.625, 0, 0, 0, 0}));
    }
  }
}

TEST_P(MetricHistory, ReportBeyondTheCapacityTouchesNothing) {
  const Sweep first = record(History(2, 1), Goal::kMaximize, {0}, {1.0});
  const History history = record(first.history, Goal::kMaximize, {0}, {5.0}).history;
  EXPECT_EQ(history.score, (std::vector<double>{1, 0}));
  EXPECT_EQ(history.last_best, (std::vector<double>{1, 0}));
  EXPECT_EQ(history.n_reported, (std::vector<int32_t>{1, 0}));
}

TEST_P(MetricHistory, AveragesTheLargestNumbers) {
  const double largest = std::numeric_limits<double>::max();
  Sweep sweep(History(1, 3), {0});
  for (const double x : {largest, -largest, largest}) sweep = record(sweep.history, Goal::kMaximize, {0}, {x});
  EXPECT_EQ(sweep.history.mean_score[1], 0);
  EXPECT_NEAR(sweep.history.mean_score[2] / largest, 1 / 3.0, 1e-15);
}

TEST_P(MetricHistory, AverageIsTheMeanAndNeverAboveTheBest) {
  const int64_t n_trials = 200, n_intervals = pick(60, 12);
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> metric(-1, 1);
  std::vector<int64_t> trials(n_trials);
  for (int64_t i = 0; i < n_trials; ++i) trials[i] = n_trials - 1 - i;
  std::vector<double> sums(n_trials), bests(n_trials, -kInf);
  Sweep sweep(History(n_trials, n_intervals), trials);
  for (int64_t n = 1; n <= n_intervals; ++n) {
    std::vector<double> metrics(n_trials);
    for (int64_t i = 0; i < n_trials; ++i) {
      // Some trials stand still: their average must be their metric, bit for bit.
      metrics[i] = trials[i] % 4 == 0 ? -0.1 : metric(random);
      sums[trials[i]] += metrics[i];
      bests[trials[i]] = std::max(bests[trials[i]], metrics[i]);
    }
    sweep = record(sweep.history, Goal::kMaximize, trials, metrics);
    const History& history = sweep.history;
    for (int64_t trial = 0; trial < n_trials; ++trial) {
      const int64_t at = history.at(trial, n);
      EXPECT_NEAR(history.mean_score[at], sums[trial] / static_cast<double>(n), 1e-15);
      EXPECT_EQ(history.best_score[at], bests[trial]);
      EXPECT_LE(history.mean_score[at], history.best_score[at]);
      EXPECT_EQ(history.last_mean[trial], history.mean_score[at]);
      EXPECT_EQ(history.last_best[trial], history.best_score[at]);
      if (trial % 4 == 0) {
        EXPECT_EQ(history.mean_score[at], -0.1);
      }
    }
  }
}

}  // namespace
}  // namespace lockstep::test
