#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "core/fake_executor.h"
#include "core/message.h"

namespace lockstep {
namespace {

const double kNan = std::nan("");
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Curves random_curves(int64_t n, uint32_t seed) {
  std::mt19937 random(seed);
  Curves curves;
  for (int64_t i = 0; i < n; ++i) {
    Curve curve(1 + random() % 7);
    for (double& metric : curve) metric = static_cast<double>(random() % 1000) / 1000;
    curves.push_back(curve);
  }
  return curves;
}

TEST(SweepLoop, TrainsEveryTrialToItsOwnEnd) {
  FakeExecutor executor(Curves{{0.1, 0.2, 0.3}, {0.5}, {0.4, 0.4}});
  RecordingObserver observer;
  const SweepResult result = run_loop(loop_spec(), executor, 3, {&observer});
  EXPECT_EQ(result.end, SweepEnd::kCompleted);
  EXPECT_EQ(result.progress.n_finished, 3);
  EXPECT_EQ(result.progress.n_running + result.progress.n_waiting, 0);
  EXPECT_EQ(result.progress.trial_intervals, 6);
  EXPECT_EQ(result.progress.trial_intervals_full, 6);
  EXPECT_EQ(result.progress.trial_intervals_left, 0);
  EXPECT_EQ(result.savings(), 0);
  EXPECT_EQ(observer.ends.at(0).interval, 3);
  EXPECT_EQ(observer.ends.at(0).reason, "finished: trained all 3 intervals");
  EXPECT_EQ(observer.ends.at(1).interval, 1);
  EXPECT_EQ(observer.ends.at(1).reason, "finished: trained its only interval");
  EXPECT_EQ(observer.ends.at(2).state, TrialState::kFinished);
  EXPECT_EQ(observer.ends.at(2).metric, 0.4);
  EXPECT_TRUE(executor.running.empty());
}

TEST(SweepLoop, RefillsFreeSlotsById) {
  FakeExecutor executor(Curves{{1, 1}, {1}, {1, 1}, {1}, {1}});
  RecordingObserver observer;
  run_loop(loop_spec(Goal::kMaximize, 2), executor, 5, {&observer});
  std::vector<std::vector<int64_t>> started;
  for (const IntervalReport& report : observer.reports) started.push_back(report.started);
  EXPECT_EQ(started, (std::vector<std::vector<int64_t>>{{0, 1}, {2}, {3}, {4}}));
  EXPECT_EQ(executor.max_running, 2u);
}

TEST(SweepLoop, RefillsTwoThousandTrialsInTwoHundredSlots) {
  const Curves curves = random_curves(2000, 3);
  FakeExecutor executor(curves);
  RecordingObserver observer;
  const SweepResult result = run_loop(loop_spec(Goal::kMaximize, 200), executor, 2000, {&observer});
  int64_t n_intervals = 0;
  for (const Curve& curve : curves) n_intervals += static_cast<int64_t>(curve.size());
  EXPECT_EQ(executor.max_running, 200u);
  EXPECT_EQ(result.progress.n_finished, 2000);
  EXPECT_EQ(result.progress.trial_intervals, n_intervals);
  ASSERT_EQ(observer.ends.size(), 2000u);
  for (const auto& [trial, end] : observer.ends) {
    EXPECT_EQ(end.interval, static_cast<int64_t>(curves[static_cast<size_t>(trial)].size()));
  }
  // The slots are full as long as there is somebody to fill them.
  for (const IntervalReport& report : observer.reports) {
    if (report.progress.n_waiting > 0) {
      EXPECT_EQ(report.metrics.size(), 200u) << report.tick;
    }
  }
}

TEST(SweepLoop, TrainsAsManyAsTheExecutorTakes) {
  for (const int64_t limit : {0, 7, 1000}) {
    FakeExecutor executor(random_curves(50, 5));
    executor.max_trials = 9;
    const SweepResult result = run_loop(loop_spec(Goal::kMaximize, limit), executor, 50);
    EXPECT_EQ(executor.max_running, limit == 7 ? 7u : 9u);
    EXPECT_EQ(result.progress.n_finished, 50);
  }
}

TEST(SweepLoop, ReportsEveryMetricOnceWithItsInterval) {
  const Curves curves = random_curves(50, 5);
  FakeExecutor executor(curves);
  RecordingObserver observer;
  run_loop(loop_spec(Goal::kMaximize, 7), executor, 50, {&observer});
  Curves seen(50);
  for (const IntervalReport& report : observer.reports) {
    for (const MetricReport& metric : report.metrics) {
      seen[static_cast<size_t>(metric.trial)].push_back(metric.metric);
      EXPECT_EQ(metric.interval, static_cast<int64_t>(seen[static_cast<size_t>(metric.trial)].size()));
    }
  }
  EXPECT_EQ(seen, curves);
}

TEST(SweepLoop, KeepsIdsThatDoNotStartAtZero) {
  FakeExecutor executor(Curves{{0.6, 0.9}, {0.5, 0.6}, {0.2, 0.3}, {0.1, 0.2}}, 40);
  RecordingObserver observer;
  const SweepResult result = run_loop(with_median(loop_spec()), executor, 4, {&observer}, nullptr, 40);
  EXPECT_EQ(result.best.trial, 40);
  EXPECT_EQ(executor.started, (std::set<int64_t>{40, 41, 42, 43}));
  ASSERT_EQ(observer.ends.size(), 4u);
  EXPECT_EQ(observer.ends.begin()->first, 40);
  EXPECT_EQ(observer.ends.at(43).state, TrialState::kStopped);
}

TEST(SweepLoop, StopsADivergedTrialAtOnce) {
  for (const double bad : {kNan, kInfinity, -kInfinity}) {
    FakeExecutor executor(Curves{{0.1, 0.2, 0.3, 0.4}, {0.9, bad, 0.9, 0.9}, {0.2, 0.2, 0.2, 0.2}});
    RecordingObserver observer;
    const SweepResult result = run_loop(loop_spec(), executor, 3, {&observer});
    EXPECT_EQ(result.progress.n_diverged, 1);
    EXPECT_EQ(result.progress.n_finished, 2);
    EXPECT_EQ(observer.ends.at(1).state, TrialState::kDiverged);
    EXPECT_EQ(observer.ends.at(1).interval, 2);
    const std::string name = std::isnan(bad) ? "nan" : bad > 0 ? "inf" : "-inf";
    EXPECT_EQ(observer.ends.at(1).reason, "diverged at interval 2: the metric is " + name);
    // Its good report stands, and no policy saved its rest.
    EXPECT_EQ(result.best.trial, 1);
    EXPECT_EQ(result.best.interval, 1);
    EXPECT_EQ(result.savings(), 0);
    EXPECT_EQ(result.progress.trial_intervals_left, 0);
  }
}

TEST(SweepLoop, DivergesAtTheLastIntervalToo) {
  FakeExecutor executor(Curves{{0.1, kNan}});
  RecordingObserver observer;
  run_loop(loop_spec(), executor, 1, {&observer});
  EXPECT_EQ(observer.ends.at(0).state, TrialState::kDiverged);
}

TEST(SweepLoop, HasNoBestWithoutAFiniteMetric) {
  FakeExecutor executor(Curves{{kNan}, {kInfinity}});
  const SweepResult result = run_loop(loop_spec(), executor, 2);
  EXPECT_EQ(result.best.trial, -1);
  EXPECT_EQ(result.test_metric, std::nullopt);
  EXPECT_EQ(executor.n_tests, 0);
  EXPECT_TRUE(executor.kept.empty());
}

TEST(SweepLoop, KeepsTheWeightsOfTheBestReportOnly) {
  FakeExecutor executor(Curves{{0.1, 0.5, 0.4}, {0.3, 0.4, 0.9}, {0.2, 0.6, 0.1}});
  const SweepResult result = run_loop(loop_spec(), executor, 3);
  std::vector<std::pair<int64_t, int64_t>> kept;
  for (const BestTrial& best : executor.kept) kept.emplace_back(best.trial, best.interval);
  EXPECT_EQ(kept, (std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {2, 2}, {1, 3}}));
  EXPECT_EQ(result.best.trial, 1);
  EXPECT_EQ(result.best.interval, 3);
  EXPECT_EQ(result.best.metric, 0.9);
  EXPECT_EQ(executor.n_tests, 1);
  EXPECT_EQ(result.test_metric, 1000.9);
}

TEST(SweepLoop, GivesTiesToTheLowestIdThenTheEarliestInterval) {
  // Trial 1 is first to 0.9, then trial 0 ties; trial 2 and later intervals change nothing.
  FakeExecutor executor(Curves{{0.1, 0.9, 0.9}, {0.9, 0.9, 0.1}, {0.9, 0.1, 0.9}});
  const SweepResult result = run_loop(loop_spec(), executor, 3);
  EXPECT_EQ(result.best.trial, 0);
  EXPECT_EQ(result.best.interval, 2);
  EXPECT_EQ(executor.kept.size(), 2u);
  EXPECT_EQ(executor.kept.back().trial, 0);
  EXPECT_EQ(executor.kept.back().interval, 2);
}

TEST(SweepLoop, Minimizes) {
  FakeExecutor executor(Curves{{3, 2}, {1, 4}, {-1, -0.5}});
  const SweepResult result = run_loop(loop_spec(Goal::kMinimize), executor, 3);
  EXPECT_EQ(result.best.trial, 2);
  EXPECT_EQ(result.best.interval, 1);
  EXPECT_EQ(result.best.metric, -1);
}

TEST(SweepLoop, FindsTheSameBestInAnyNumberOfSlots) {
  const Curves curves = random_curves(300, 11);  // 1000 distinct values: many ties
  FakeExecutor all(curves);
  const BestTrial expected = run_loop(loop_spec(), all, 300).best;
  for (const int64_t slots : {1, 2, 7, 64, 299, 300, 1000}) {
    FakeExecutor some(curves);
    const BestTrial best = run_loop(loop_spec(Goal::kMaximize, slots), some, 300).best;
    EXPECT_EQ(best.trial, expected.trial) << slots;
    EXPECT_EQ(best.interval, expected.interval) << slots;
    EXPECT_EQ(some.kept.back().trial, best.trial) << slots;
    EXPECT_EQ(some.kept.back().interval, best.interval) << slots;
  }
}

TEST(SweepLoop, CallsObserversInOrder) {
  struct Follower : SweepObserver {
    explicit Follower(const RecordingObserver& leader) : leader(leader) {}
    void on_start(const SweepSpec&, const Configurations&) override { check("start"); }
    void on_interval(const IntervalReport&) override { check("interval"); }
    void on_end(const SweepResult& result) override {
      check("end");
      is_tested = result.test_metric.has_value();
    }
    // The leader has written this call down before the follower gets it.
    void check(const std::string& name) {
      const std::string last = leader.calls.substr(leader.calls.rfind(' ', leader.calls.size() - 2) + 1);
      EXPECT_EQ(last.substr(0, name.size()), name);
      ++n_calls;
    }
    const RecordingObserver& leader;
    int n_calls = 0;
    bool is_tested = false;
  };
  RecordingObserver leader;
  Follower follower(leader);
  FakeExecutor executor(Curves{{1, 2}, {1, 2, 3}});
  run_loop(loop_spec(), executor, 2, {&leader, &follower});
  EXPECT_EQ(leader.calls, "start2 interval1 interval2 interval3 end ");
  EXPECT_EQ(follower.n_calls, 5);
  EXPECT_TRUE(follower.is_tested);
}

TEST(SweepLoop, ReportsProgressOfEveryInterval) {
  FakeExecutor executor(Curves{{1, 2}, {1, 2, 3}, {5}});
  RecordingObserver observer;
  run_loop(loop_spec(Goal::kMaximize, 2), executor, 3, {&observer});
  ASSERT_EQ(observer.reports.size(), 3u);
  const Progress& first = observer.reports[0].progress;
  EXPECT_EQ(first.n_trials, 3);
  EXPECT_EQ(first.n_waiting, 1);
  EXPECT_EQ(first.n_running, 2);
  EXPECT_EQ(first.trial_intervals, 2);
  EXPECT_EQ(first.trial_intervals_full, 5);
  EXPECT_EQ(first.trial_intervals_left, 4);
  const Progress& second = observer.reports[1].progress;
  EXPECT_EQ(second.n_running, 1);
  EXPECT_EQ(second.n_finished, 1);
  EXPECT_EQ(second.trial_intervals_left, 2);
  EXPECT_EQ(second.best.trial, 0);
}

TEST(SweepLoop, RunsNoTrialsAtAll) {
  FakeExecutor executor(Curves{});
  RecordingObserver observer;
  const SweepResult result = run_loop(loop_spec(), executor, 0, {&observer});
  EXPECT_EQ(result.end, SweepEnd::kCompleted);
  EXPECT_EQ(observer.calls, "start0 end ");
  EXPECT_EQ(result.savings(), 0);
}

TEST(SweepLoop, PassesExceptionsOnWithoutAnEnd) {
  FakeExecutor executor(Curves{{1, 2}, {1, 2}});
  executor.before_interval = [](int64_t tick) {
    if (tick == 2) throw TaskError("the task failed");
  };
  RecordingObserver observer;
  EXPECT_EQ(message_of<TaskError>([&] { run_loop(loop_spec(), executor, 2, {&observer}); }), "the task failed");
  EXPECT_EQ(observer.calls, "start2 interval1 ");
}

TEST(SweepLoop, RefusesTrialsWithoutIntervals) {
  FakeExecutor executor(Curves{{1}, {}});
  EXPECT_EQ(message_of<TaskError>([&] { run_loop(loop_spec(), executor, 2); }),
            "trial 1 is to train 0 intervals; a trial trains at least 1");
}

TEST(SweepLoop, ATrialWhoseReportIsForgottenDivergesAndDoesNotRepeatItself) {
  struct Forgetful : FakeExecutor {
    using FakeExecutor::FakeExecutor;
    void train_interval(double* metrics) override {
      const double before = metrics[1];
      FakeExecutor::train_interval(metrics);
      if (n_ticks == 2) metrics[1] = before;
    }
  };
  Forgetful executor(Curves{{1, 1, 1}, {1, 1, 1}});
  RecordingObserver observer;
  run_loop(loop_spec(), executor, 2, {&observer});
  EXPECT_EQ(observer.ends.at(0).state, TrialState::kFinished);
  EXPECT_EQ(observer.ends.at(1).reason, "diverged at interval 2: the metric is nan");
}

}  // namespace
}  // namespace lockstep
