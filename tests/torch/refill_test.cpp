// A sweep of few slots trains every trial as one of many slots does.

#include <gtest/gtest.h>

#include <map>

#include <lockstep/torch/sweep.h>
#include <torch/torch.h>

#include "torch/small_task.h"

namespace lockstep {
namespace refill_test {

using namespace lockstep::testing;

/// Metrics by trial and interval.
class MetricsObserver : public SweepObserver {
 public:
  void on_interval(const IntervalReport& report) override {
    max_running = std::max(max_running, static_cast<int64_t>(report.metrics.size()));
    if (report.progress.n_waiting > 0) fewest_while_waiting = std::min(fewest_while_waiting, static_cast<int64_t>(report.metrics.size()));
    for (const auto& each : report.metrics) metrics[{each.trial, each.interval}] = each.metric;
    for (const auto& end : report.ends) ages[end.trial] = end.interval;
  }
  std::map<std::pair<int64_t, int64_t>, double> metrics;
  std::map<int64_t, int64_t> ages;  ///< at each trial's end
  int64_t max_running = 0;
  int64_t fewest_while_waiting = std::numeric_limits<int64_t>::max();
};

MetricsObserver run(int64_t n_slots, const EarlyTermination& policy) {
  const SmallTask task;
  SweepSpec spec;
  spec.search_space.add("lr", uniform(0.01, 0.5)).add("width", choice({int64_t{8}, int64_t{12}}));
  spec.search_space.add("epochs", choice({int64_t{3}, int64_t{5}}));
  spec.objective = {Goal::kMinimize, "loss", {}};
  spec.limits.max_total_trials = 240;
  spec.limits.max_concurrent_trials = n_slots;
  spec.early_termination = policy;
  MetricsObserver observer;
  run_sweep(task, spec, {.observers = {&observer}, .executor = {.n_threads = 2}});
  return observer;
}

TEST(Refill, TrialsOfFewSlotsTrainAsInOneWave) {
  const MetricsObserver wave = run(240, {}), refilled = run(24, {});
  EXPECT_EQ(wave.max_running, 240);
  EXPECT_EQ(refilled.max_running, 24);
  EXPECT_EQ(refilled.fewest_while_waiting, 24);  // no slot idles
  ASSERT_EQ(wave.metrics.size(), refilled.metrics.size());
  for (const auto& [place, metric] : wave.metrics) {
    ASSERT_TRUE(refilled.metrics.count(place)) << place.first << " at " << place.second;
    EXPECT_NEAR(refilled.metrics.at(place), metric, 1e-5 * metric) << place.first << " at " << place.second;
  }
}

TEST(Refill, StoppedTrialsTrainAsInOneWaveUpToTheirStop) {
  EarlyTermination policy;
  policy.kind = PolicyKind::kMedianStopping;
  policy.delay_evaluation = 2;
  const MetricsObserver wave = run(240, {}), stopped = run(24, policy);
  int64_t n_stopped = 0;
  ASSERT_EQ(stopped.ages.size(), 240u);
  for (const auto& [trial, age] : stopped.ages) n_stopped += age < wave.ages.at(trial);
  EXPECT_GT(n_stopped, 24);
  for (const auto& [place, metric] : stopped.metrics) {
    EXPECT_LE(place.second, stopped.ages.at(place.first));
    EXPECT_NEAR(metric, wave.metrics.at(place), 1e-5 * metric) << place.first << " at " << place.second;
  }
}

}  // namespace refill_test
}  // namespace lockstep
