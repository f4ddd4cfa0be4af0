// Median stopping inside the loop, beside a plain reference of whole sweeps.
#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "core/fake_executor.h"

namespace lockstep {
namespace {

struct End {
  int64_t interval = 0;
  TrialState state = TrialState::kWaiting;
  double threshold = 0;
};

/// A sweep in plain C++.
std::vector<End> simulate(const SweepSpec& spec, const Curves& curves) {
  const double sign = spec.objective.goal == Goal::kMaximize ? 1 : -1;
  const EarlyTermination& policy = spec.early_termination;
  const size_t n = curves.size();
  const size_t n_slots = spec.limits.max_concurrent_trials ? static_cast<size_t>(spec.limits.max_concurrent_trials) : n;
  std::vector<End> trials(n);
  const auto average = [&](size_t trial, int64_t age) {
    double sum = 0;
    for (int64_t i = 0; i < age; ++i) {
      const double metric = curves[trial][static_cast<size_t>(i)];
      if (!std::isfinite(metric)) return -std::numeric_limits<double>::infinity();
      sum += sign * metric;
    }
    return sum / static_cast<double>(age);
  };
  size_t next = 0;
  for (;;) {
    std::vector<size_t> running;
    for (size_t t = 0; t < n; ++t) {
      if (trials[t].state == TrialState::kRunning) running.push_back(t);
    }
    for (; next < n && running.size() < n_slots; ++next) {
      trials[next].state = TrialState::kRunning;
      running.push_back(next);
    }
    if (running.empty()) return trials;
    for (const size_t t : running) ++trials[t].interval;
    std::vector<End> after = trials;
    for (const size_t t : running) {
      const int64_t age = trials[t].interval;
      if (!std::isfinite(curves[t][static_cast<size_t>(age - 1)])) {
        trials[t].state = after[t].state = TrialState::kDiverged;
      }
    }
    for (const size_t t : running) {
      const int64_t age = trials[t].interval;
      if (trials[t].state == TrialState::kDiverged) continue;
      if (age == static_cast<int64_t>(curves[t].size())) {
        after[t].state = TrialState::kFinished;
        continue;
      }
      if (age % policy.evaluation_interval != 0 || age < policy.delay_evaluation) continue;
      std::vector<double> averages;
      size_t n_others = 0;
      for (size_t other = 0; other < n; ++other) {
        const End& end = trials[other];
        if (end.state == TrialState::kWaiting) continue;
        const bool reached = end.interval >= age;
        const bool ended = end.state != TrialState::kRunning;
        const bool compared = policy.reference == MedianReference::kAll       ? reached || ended
                              : policy.reference == MedianReference::kReached ? reached
                                                                              : end.state == TrialState::kFinished;
        if (!compared) continue;
        averages.push_back(average(other, std::min(age, end.interval)));
        n_others += other != t;
      }
      if (n_others == 0) continue;
      std::sort(averages.begin(), averages.end());
      const size_t half = averages.size() / 2;
      const double median = averages.size() % 2 ? averages[half] : (averages[half - 1] + averages[half]) / 2;
      double best = -std::numeric_limits<double>::infinity();
      for (int64_t i = 0; i < age; ++i) best = std::max(best, sign * curves[t][static_cast<size_t>(i)]);
      if (best < median) {
        after[t].state = TrialState::kStopped;
        after[t].threshold = sign * median;
      }
    }
    trials = after;
  }
}

/// Up to 6 intervals of multiples of 60, some with a NaN, many tied. Averages at ages 1 to 5 are exact whatever the
/// order of the sums, so that "strictly worse" leaves no room; at age 6 nobody is judged.
Curves lattice_curves(int64_t n, uint32_t seed) {
  std::mt19937 random(seed);
  Curves curves;
  for (int64_t i = 0; i < n; ++i) {
    Curve curve(1 + random() % 6);
    for (double& metric : curve) metric = 60 * (static_cast<double>(random() % 16) - 8);
    if (random() % 10 == 0) curve[random() % curve.size()] = std::nan("");
    curves.push_back(curve);
  }
  return curves;
}

void expect_same(const SweepSpec& spec, const Curves& curves, const std::string& what) {
  const std::vector<End> expected = simulate(spec, curves);
  FakeExecutor executor(curves);
  RecordingObserver observer;
  const SweepResult result = run_loop(spec, executor, static_cast<int64_t>(curves.size()), {&observer});
  ASSERT_EQ(observer.ends.size(), curves.size()) << what;
  int64_t trained = 0;
  int64_t full = 0;
  for (size_t t = 0; t < curves.size(); ++t) {
    const TrialEnd& end = observer.ends.at(static_cast<int64_t>(t));
    ASSERT_EQ(end.state, expected[t].state) << what << ", trial " << t;
    ASSERT_EQ(end.interval, expected[t].interval) << what << ", trial " << t;
    ASSERT_NEAR(end.threshold, expected[t].threshold, 0) << what << ", trial " << t;
    trained += end.interval;
    full += end.state == TrialState::kStopped ? static_cast<int64_t>(curves[t].size()) : end.interval;
  }
  EXPECT_EQ(result.progress.trial_intervals, trained) << what;
  EXPECT_EQ(result.progress.trial_intervals_full, full) << what;
  EXPECT_DOUBLE_EQ(result.savings(), 1 - static_cast<double>(trained) / static_cast<double>(full)) << what;
}

TEST(SweepPolicy, AgreesWithAPlainReferenceOnRandomSweeps) {
  int64_t n_stopped = 0;
  uint32_t seed = 0;
  for (const MedianReference reference :
       {MedianReference::kAll, MedianReference::kReached, MedianReference::kCompleted}) {
    for (const Goal goal : {Goal::kMaximize, Goal::kMinimize}) {
      for (const int64_t slots : {0, 1, 5, 33}) {
        for (const auto& [interval, delay] : {std::pair<int64_t, int64_t>{1, 0}, {1, 3}, {2, 0}, {2, 3}, {3, 0}}) {
          const SweepSpec spec = with_median(loop_spec(goal, slots), interval, delay, reference);
          const Curves curves = lattice_curves(101, ++seed);
          expect_same(spec, curves, "reference " + std::to_string(static_cast<int>(reference)) + ", slots " +
                                        std::to_string(slots) + ", every " + std::to_string(interval) + " after " +
                                        std::to_string(delay));
          for (const End& end : simulate(spec, curves)) n_stopped += end.state == TrialState::kStopped;
        }
      }
    }
  }
  EXPECT_GT(n_stopped, 1000);  // it was about something
}

TEST(SweepPolicy, StopsTheWorseHalfAndSaysWhy) {
  FakeExecutor executor(Curves{{0.5, 0.5, 0.5}, {0.25, 0.25, 0.25}, {0.75, 0.75, 0.75}});
  RecordingObserver observer;
  const SweepResult result = run_loop(with_median(loop_spec(), 1, 2), executor, 3, {&observer});
  const TrialEnd& stopped = observer.ends.at(1);
  EXPECT_EQ(stopped.state, TrialState::kStopped);
  EXPECT_EQ(stopped.interval, 2);
  EXPECT_EQ(stopped.metric, 0.25);
  EXPECT_EQ(stopped.threshold, 0.5);
  EXPECT_EQ(stopped.reason, "median_stopping at interval 2: best 0.25 is below the median 0.5 of running averages");
  EXPECT_EQ(result.progress.n_stopped, 1);
  EXPECT_EQ(result.progress.n_finished, 2);
  EXPECT_DOUBLE_EQ(result.savings(), 1 - 8.0 / 9.0);
}

TEST(SweepPolicy, SaysAboveWhenMinimizing) {
  FakeExecutor executor(Curves{{0.5, 0.5}, {0.75, 0.75}, {0.25, 0.25}});
  RecordingObserver observer;
  run_loop(with_median(loop_spec(Goal::kMinimize)), executor, 3, {&observer});
  EXPECT_EQ(observer.ends.at(1).reason,
            "median_stopping at interval 1: best 0.75 is above the median 0.5 of running averages");
  EXPECT_EQ(observer.ends.at(0).state, TrialState::kFinished);
}

TEST(SweepPolicy, TellsCloseValuesApart) {
  FakeExecutor executor(Curves{{0.5, 0.5}, {0.49999999999, 0.4}, {0.75, 0.75}});
  RecordingObserver observer;
  run_loop(with_median(loop_spec()), executor, 3, {&observer});
  EXPECT_EQ(observer.ends.at(1).reason,
            "median_stopping at interval 1: best 0.49999999999 is below the median 0.5 of running averages");
}

TEST(SweepPolicy, FinishesTrialsAtTheirLastInterval) {
  FakeExecutor executor(Curves{{0.5}, {0.25}, {0.75}});
  const SweepResult result = run_loop(with_median(loop_spec()), executor, 3);
  EXPECT_EQ(result.progress.n_finished, 3);
  EXPECT_EQ(result.progress.n_stopped, 0);
}

TEST(SweepPolicy, KeepsTheBestWeightsOfATrialThatIsStoppedLater) {
  // Trial 1 leads at first, then the others' averages pass its best.
  FakeExecutor executor(Curves{{0.25, 1, 1, 1, 1, 1}, {0.5, 0, 0, 0, 0, 0}, {0.25, 1, 1, 1, 1, 2}});
  RecordingObserver observer;
  run_loop(with_median(loop_spec()), executor, 3, {&observer});
  EXPECT_EQ(observer.ends.at(1).state, TrialState::kStopped);
  EXPECT_EQ(executor.kept.front().trial, 1);
  EXPECT_EQ(executor.kept.back().trial, 2);
}

TEST(SweepPolicy, GivesTheSlotOfAStoppedTrialToTheNext) {
  FakeExecutor executor(Curves{{0.5, 0.5, 0.5}, {0.25, 0.25, 0.25}, {0.75, 0.75, 0.75}, {0.9, 0.9, 0.9}});
  RecordingObserver observer;
  run_loop(with_median(loop_spec(Goal::kMaximize, 3)), executor, 4, {&observer});
  EXPECT_EQ(observer.ends.at(1).interval, 1);
  ASSERT_GE(observer.reports.size(), 2u);
  EXPECT_EQ(observer.reports[1].started, std::vector<int64_t>{3});
}

TEST(SweepPolicy, NoneStopsNothing) {
  FakeExecutor executor(Curves{{0.5, 0.5, 0.5}, {0.25, 0.25, 0.25}, {0.75, 0.75, 0.75}});
  EXPECT_EQ(run_loop(loop_spec(), executor, 3).progress.n_finished, 3);
}

}  // namespace
}  // namespace lockstep
