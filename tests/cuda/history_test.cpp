// record_metrics: reports, best so far, running averages, divergence.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "cuda/history_data.h"

namespace lockstep::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

class MetricHistory : public BackendTest {
 protected:
  void record(const DeviceHistory& history, Goal goal, const std::vector<int64_t>& trials,
              const std::vector<double>& metrics) {
    const DeviceArray<int64_t> ids(*backend_, context_, trials);
    const DeviceArray<double> values(*backend_, context_, metrics);
    backend_->record_metrics(context_, goal, history.view(), ids.data(), values.data(),
                             static_cast<int64_t>(trials.size()));
  }
};
LOCKSTEP_EVERY_BACKEND(MetricHistory);

TEST_P(MetricHistory, AppendsToTheTrialsThatReport) {
  const DeviceHistory device(*backend_, context_, History(3, 4));
  record(device, Goal::kMaximize, {2, 0}, {0.5, 0.25});
  record(device, Goal::kMaximize, {2}, {0.25});
  const History history = device.to_host();
  EXPECT_EQ(history.n_reported, (std::vector<int32_t>{1, 0, 2}));
  EXPECT_EQ(history.metric, (std::vector<double>{0.25, 0, 0, 0, 0, 0, 0, 0, 0.5, 0.25, 0, 0}));
  EXPECT_EQ(history.best_score, (std::vector<double>{0.25, 0, 0, 0, 0, 0, 0, 0, 0.5, 0.5, 0, 0}));
  EXPECT_EQ(history.mean_score, (std::vector<double>{0.25, 0, 0, 0, 0, 0, 0, 0, 0.5, 0.375, 0, 0}));
}

TEST_P(MetricHistory, TurnsTheSignWhenMinimising) {
  const DeviceHistory device(*backend_, context_, History(1, 3));
  for (const double loss : {2.0, 1.0, 3.0}) record(device, Goal::kMinimize, {0}, {loss});
  const History history = device.to_host();
  EXPECT_EQ(history.metric, (std::vector<double>{2, 1, 3}));
  EXPECT_EQ(history.best_score, (std::vector<double>{-2, -1, -1}));
  EXPECT_EQ(history.mean_score, (std::vector<double>{-2, -1.5, -2}));
}

TEST_P(MetricHistory, MetricThatIsNotFiniteDiverges) {
  for (const Goal goal : {Goal::kMaximize, Goal::kMinimize}) {
    for (const double bad : {std::nan(""), kInf, -kInf}) {
      const DeviceHistory device(*backend_, context_, History(2, 4));
      const double sign = goal == Goal::kMaximize ? 1 : -1;
      record(device, goal, {0, 1}, {sign * 0.5, sign * 0.5});
      record(device, goal, {0, 1}, {bad, sign * 0.75});
      record(device, goal, {0, 1}, {sign * 1.0, sign * 1.0});
      const History history = device.to_host();
      EXPECT_EQ(history.state, (std::vector<TrialState>{TrialState::kDiverged, TrialState::kRunning}));
      EXPECT_EQ(std::isnan(bad), std::isnan(history.metric[1]));
      EXPECT_EQ(history.best_score, (std::vector<double>{0.5, 0.5, 1, 0, 0.5, 0.75, 1, 0}));
      EXPECT_EQ(history.mean_score, (std::vector<double>{0.5, -kInf, -kInf, 0, 0.5, 0.625, 0.75, 0}));
    }
  }
}

TEST_P(MetricHistory, OnlyARunningTrialDiverges) {
  History history(2, 1);
  history.state = {TrialState::kStopped, TrialState::kFinished};
  const DeviceHistory device(*backend_, context_, history);
  record(device, Goal::kMaximize, {0, 1}, {kInf, kInf});
  EXPECT_EQ(device.to_host().state, history.state);
}

TEST_P(MetricHistory, ReportBeyondTheCapacityTouchesNothing) {
  const DeviceHistory device(*backend_, context_, History(2, 1));
  record(device, Goal::kMaximize, {0}, {1.0});
  record(device, Goal::kMaximize, {0}, {5.0});
  const History history = device.to_host();
  EXPECT_EQ(history.metric, (std::vector<double>{1, 0}));
  EXPECT_EQ(history.n_reported, (std::vector<int32_t>{1, 0}));
}

TEST_P(MetricHistory, AveragesTheLargestNumbers) {
  const double largest = std::numeric_limits<double>::max();
  const DeviceHistory device(*backend_, context_, History(1, 3));
  for (const double x : {largest, -largest, largest}) record(device, Goal::kMaximize, {0}, {x});
  const History history = device.to_host();
  EXPECT_EQ(history.mean_score[1], 0);
  EXPECT_NEAR(history.mean_score[2] / largest, 1 / 3.0, 1e-15);
}

TEST_P(MetricHistory, AverageIsTheMeanAndNeverAboveTheBest) {
  const int64_t n_trials = 200, n_intervals = pick(60, 12);
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> metric(-1, 1);
  const DeviceHistory device(*backend_, context_, History(n_trials, n_intervals));
  std::vector<int64_t> trials(n_trials);
  for (int64_t i = 0; i < n_trials; ++i) trials[i] = n_trials - 1 - i;
  std::vector<double> sums(n_trials), bests(n_trials, -kInf);
  for (int64_t interval = 0; interval < n_intervals; ++interval) {
    std::vector<double> metrics(n_trials);
    for (int64_t i = 0; i < n_trials; ++i) {
      // Some trials stand still: their average must be their metric, bit for bit.
      metrics[i] = trials[i] % 4 == 0 ? -0.1 : metric(random);
      sums[trials[i]] += metrics[i];
      bests[trials[i]] = std::max(bests[trials[i]], metrics[i]);
    }
    record(device, Goal::kMaximize, trials, metrics);
    const History history = device.to_host();
    for (int64_t trial = 0; trial < n_trials; ++trial) {
      const int64_t at = trial * n_intervals + interval;
      EXPECT_NEAR(history.mean_score[at], sums[trial] / (interval + 1), 1e-15);
      EXPECT_EQ(history.best_score[at], bests[trial]);
      EXPECT_LE(history.mean_score[at], history.best_score[at]);
      if (trial % 4 == 0) {
        EXPECT_EQ(history.mean_score[at], -0.1);
      }
    }
  }
}

}  // namespace
}  // namespace lockstep::test
