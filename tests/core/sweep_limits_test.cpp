// Sweeps that are cut short: by their timeout, and by somebody who wants them to end.
#include <chrono>
#include <cmath>
#include <thread>

#include <gtest/gtest.h>

#include "core/fake_executor.h"

namespace lockstep {
namespace {

/// Every steady clock has passed this after one interval.
constexpr double kNoTime = 1e-12;

TEST(SweepLimits, TimeoutEndsAfterTheRunningInterval) {
  SweepSpec spec = loop_spec(Goal::kMaximize, 2);
  spec.limits.timeout_s = kNoTime;
  FakeExecutor executor(Curves{{0.1, 0.2}, {0.3}, {0.9}});
  RecordingObserver observer;
  const SweepResult result = run_loop(spec, executor, 3, {&observer});
  EXPECT_EQ(result.end, SweepEnd::kTimeout);
  EXPECT_EQ(observer.calls, "start3 interval1 end ");
  EXPECT_EQ(result.progress.n_finished, 1);
  EXPECT_EQ(result.progress.n_aborted, 1);
  EXPECT_EQ(result.progress.n_waiting, 1);
  EXPECT_EQ(result.progress.n_running, 0);
  ASSERT_EQ(observer.reports[0].ends.size(), 2u);
  const TrialEnd& aborted = observer.reports[0].ends[0];
  EXPECT_EQ(aborted.trial, 0);
  EXPECT_EQ(aborted.state, TrialState::kAborted);
  EXPECT_EQ(aborted.interval, 1);
  EXPECT_EQ(aborted.metric, 0.1);
  EXPECT_EQ(aborted.reason, "aborted: the sweep reached limits.timeout after interval 1");
  EXPECT_TRUE(executor.running.empty());
  EXPECT_EQ(executor.started.size(), 2u);
}

TEST(SweepLimits, TimeoutStillTestsTheBest) {
  SweepSpec spec = loop_spec();
  spec.limits.timeout_s = kNoTime;
  FakeExecutor executor(Curves{{0.1, 0.2}, {0.3, 0.4}});
  const SweepResult result = run_loop(spec, executor, 2);
  EXPECT_EQ(result.best.trial, 1);
  EXPECT_EQ(result.test_metric, 1000.3);
}

TEST(SweepLimits, ATrialTimeoutEndsTheTrialAndNotTheSweep) {
  SweepSpec spec = loop_spec(Goal::kMaximize, 2);
  spec.limits.trial_timeout_s = kNoTime;
  FakeExecutor executor(Curves{{0.1, 0.2}, {0.3}, {0.9, 0.8}, {std::nan(""), 1}, {0.2, 0.3}});
  RecordingObserver observer;
  const SweepResult result = run_loop(spec, executor, 5, {&observer});
  EXPECT_EQ(result.end, SweepEnd::kCompleted);
  EXPECT_EQ(executor.n_ticks, 3);
  EXPECT_EQ(executor.max_running, 2u);
  const TrialEnd& aborted = observer.ends.at(0);
  EXPECT_EQ(aborted.state, TrialState::kAborted);
  EXPECT_EQ(aborted.interval, 1);
  EXPECT_EQ(aborted.metric, 0.1);
  EXPECT_EQ(aborted.reason, "aborted: limits.trial_timeout after interval 1");
  // What a trial came to by itself stands.
  EXPECT_EQ(observer.ends.at(1).state, TrialState::kFinished);
  EXPECT_EQ(observer.ends.at(3).state, TrialState::kDiverged);
  EXPECT_EQ(result.progress.n_aborted, 3);
  EXPECT_EQ(result.best.trial, 2);
  EXPECT_EQ(result.best.metric, 0.9);
  EXPECT_EQ(result.test_metric, 1000.9);
  EXPECT_EQ(result.savings(), 0);
  EXPECT_EQ(result.progress.trial_intervals_left, 0);
}

TEST(SweepLimits, ATrialTimeoutCountsFromTheTrialsOwnStart) {
  SweepSpec spec = loop_spec(Goal::kMaximize, 2);
  spec.limits.trial_timeout_s = 0.25;
  FakeExecutor executor(Curves{{1, 1, 1, 1}, {1}, {1, 1, 1}});
  // Trials 0 and 2 are both there in the second interval, and only the first of them is old.
  executor.before_interval = [](int64_t tick) {
    if (tick <= 2) std::this_thread::sleep_for(std::chrono::milliseconds(150));
  };
  RecordingObserver observer;
  run_loop(spec, executor, 3, {&observer});
  EXPECT_EQ(observer.ends.at(0).reason, "aborted: limits.trial_timeout after interval 2");
  EXPECT_EQ(observer.ends.at(2).state, TrialState::kFinished);
}

TEST(SweepLimits, ALongTrialTimeoutIsNotReached) {
  SweepSpec spec = loop_spec();
  spec.limits.trial_timeout_s = 1e9;
  FakeExecutor executor(Curves{{0.1, 0.2, 0.3}});
  EXPECT_EQ(run_loop(spec, executor, 1).progress.n_finished, 1);
}

TEST(SweepLimits, AbortedTrialsSaveNothing) {
  SweepSpec spec = loop_spec();
  spec.limits.timeout_s = kNoTime;
  FakeExecutor executor(Curves{{0.1, 0.2, 0.3}, {0.3, 0.4, 0.5}});
  const SweepResult result = run_loop(spec, executor, 2);
  EXPECT_EQ(result.progress.trial_intervals, 2);
  EXPECT_EQ(result.progress.trial_intervals_full, 2);
  EXPECT_EQ(result.savings(), 0);
}

TEST(SweepLimits, CompletedSweepMetNoLimit) {
  SweepSpec spec = loop_spec();
  spec.limits.timeout_s = kNoTime;
  FakeExecutor executor(Curves{{0.1}, {0.3}});
  EXPECT_EQ(run_loop(spec, executor, 2).end, SweepEnd::kCompleted);
}

TEST(SweepLimits, LongTimeoutIsNotReached) {
  SweepSpec spec = loop_spec();
  spec.limits.timeout_s = 1e9;
  FakeExecutor executor(Curves{{0.1, 0.2, 0.3}});
  const SweepResult result = run_loop(spec, executor, 1);
  EXPECT_EQ(result.end, SweepEnd::kCompleted);
  EXPECT_EQ(result.progress.trial_intervals, 3);
}

TEST(SweepLimits, StopRequestEndsAfterTheRunningInterval) {
  std::atomic<bool> stop = false;
  FakeExecutor executor(Curves{{0.1, 0.2, 0.3}, {0.3, 0.4, 0.5}});
  executor.before_interval = [&](int64_t tick) { stop = tick == 2; };
  RecordingObserver observer;
  const SweepResult result = run_loop(loop_spec(), executor, 2, {&observer}, &stop);
  EXPECT_EQ(result.end, SweepEnd::kInterrupted);
  EXPECT_EQ(observer.calls, "start2 interval1 interval2 end ");
  EXPECT_EQ(result.progress.n_aborted, 2);
  EXPECT_EQ(observer.ends.at(1).reason, "aborted: the sweep was interrupted after interval 2");
  EXPECT_EQ(result.progress.trial_intervals_left, 0);
  EXPECT_EQ(result.test_metric, 1000.4);
}

TEST(SweepLimits, StopRequestBeforeTheStartTrainsNothing) {
  const std::atomic<bool> stop = true;
  FakeExecutor executor(Curves{{0.1}});
  RecordingObserver observer;
  const SweepResult result = run_loop(loop_spec(), executor, 1, {&observer}, &stop);
  EXPECT_EQ(result.end, SweepEnd::kInterrupted);
  EXPECT_EQ(observer.calls, "start1 end ");
  EXPECT_EQ(executor.n_ticks, 0);
  EXPECT_EQ(executor.n_tests, 0);
}

TEST(SweepLimits, StopRequestWinsOverTheTimeout) {
  SweepSpec spec = loop_spec();
  spec.limits.timeout_s = kNoTime;
  std::atomic<bool> stop = false;
  FakeExecutor executor(Curves{{0.1, 0.2}});
  executor.before_interval = [&](int64_t) { stop = true; };
  EXPECT_EQ(run_loop(spec, executor, 1, {}, &stop).end, SweepEnd::kInterrupted);
}

}  // namespace
}  // namespace lockstep
