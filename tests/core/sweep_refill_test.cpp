// Refill through the loop: 2,000 trials in 200 slots, each decision followed by hand from what the log shows.
#include <cmath>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "core/counting_allocator.h"
#include "core/fake_executor.h"

namespace lockstep {
namespace {

constexpr int64_t kTrials = 2000;
constexpr int64_t kSlots = 200;

/// Curves that rise to a level of their own; some are short, some diverge, many tie.
Curves rising_curves(int64_t n_trials, uint32_t seed) {
  std::mt19937 random(seed);
  Curves curves;
  for (int64_t i = 0; i < n_trials; ++i) {
    const double level = 1 + static_cast<double>(random() % 64) / 16;
    Curve curve(2 + random() % 11);
    for (size_t n = 0; n < curve.size(); ++n) {
      curve[n] = level * (1 - std::ldexp(1.0, -static_cast<int>(n) - 1)) + static_cast<double>(random() % 8) / 16;
    }
    if (random() % 25 == 0) curve[random() % curve.size()] = std::nan("");
    curves.push_back(curve);
  }
  return curves;
}

/// What each trial had reported after each interval of the log, as an onlooker would write it down.
class Snapshot {
 public:
  Snapshot(Goal goal) : sign_(goal == Goal::kMaximize ? 1 : -1) {}

  void read(const MetricReport& report) {
    std::vector<double>& scores = scores_[report.trial];
    ASSERT_EQ(report.interval, static_cast<int64_t>(scores.size()) + 1);
    scores.push_back(std::isfinite(report.metric) ? sign_ * report.metric : -INFINITY);
    if (!std::isfinite(report.metric)) diverged_.insert(report.trial);
  }
  /// After the decisions of the interval.
  void end(int64_t trial) { ended_.insert(trial); }

  double best(int64_t trial, int64_t n) const {
    const auto& scores = scores_.at(trial);
    return *std::max_element(scores.begin(), scores.begin() + n);
  }

  /// Whether the policy, by its words, stops `trial` at its last report.
  bool stops(const EarlyTermination& policy, int64_t trial) const {
    const auto n = static_cast<int64_t>(scores_.at(trial).size());
    if (n % policy.evaluation_interval != 0 || n < policy.delay_evaluation) return false;
    std::vector<double> compared;
    for (const auto& [other, scores] : scores_) {
      const auto age = static_cast<int64_t>(scores.size());
      if (policy.kind == PolicyKind::kMedianStopping) {
        if (age < n && !ended_.contains(other) && !diverged_.contains(other)) continue;
        double sum = 0;
        for (int64_t i = 0; i < std::min(age, n); ++i) sum += scores[static_cast<size_t>(i)];
        compared.push_back(sum / static_cast<double>(std::min(age, n)));
      } else if (age >= n) {
        compared.push_back(diverged_.contains(other) ? -INFINITY : best(other, n));
      }
    }
    if (compared.size() < 2) return false;
    std::sort(compared.begin(), compared.end());
    const size_t half = compared.size() / 2;
    const double top = compared.back();
    switch (policy.kind) {
      case PolicyKind::kMedianStopping:
        return best(trial, n) < (compared.size() % 2 ? compared[half] : 0.5 * (compared[half - 1] + compared[half]));
      case PolicyKind::kBandit:
        return best(trial, n) < (sign_ > 0 ? top / (1 + *policy.slack_factor) : top * (1 + *policy.slack_factor));
      case PolicyKind::kTruncationSelection:
        return best(trial, n) < compared[compared.size() * static_cast<size_t>(policy.truncation_percentage) / 100];
      default:
        return false;
    }
  }

 private:
  double sign_;
  std::map<int64_t, std::vector<double>> scores_;
  std::set<int64_t> ended_, diverged_;
};

std::vector<EarlyTermination> every_policy() {
  EarlyTermination median, bandit, truncation;
  median.kind = PolicyKind::kMedianStopping;
  median.delay_evaluation = 3;
  bandit.kind = PolicyKind::kBandit;
  bandit.slack_factor = 1;
  truncation.kind = PolicyKind::kTruncationSelection;
  truncation.truncation_percentage = 30;
  truncation.evaluation_interval = 2;
  return {EarlyTermination(), median, bandit, truncation};
}

TEST(SweepRefill, EveryTrialRunsOnceAndEveryStopFollowsFromTheLog) {
  uint32_t seed = 100;
  for (const Goal goal : {Goal::kMaximize, Goal::kMinimize}) {
    for (const EarlyTermination& policy : every_policy()) {
      const Curves curves = rising_curves(kTrials, ++seed);
      SweepSpec spec = loop_spec(goal, kSlots);
      spec.early_termination = policy;
      FakeExecutor executor(curves);
      RecordingObserver observer;
      run_loop(spec, executor, kTrials, {&observer});
      const std::string what = "policy " + std::to_string(static_cast<int>(policy.kind));

      EXPECT_EQ(executor.started.size(), static_cast<size_t>(kTrials)) << what;
      ASSERT_EQ(observer.ends.size(), static_cast<size_t>(kTrials)) << what;
      int64_t n_stopped = 0;
      int64_t next = 0;
      Snapshot snapshot(goal);
      for (const IntervalReport& report : observer.reports) {
        for (const int64_t trial : report.started) ASSERT_EQ(trial, next++) << what;
        if (report.progress.n_waiting > 0) {
          ASSERT_EQ(report.metrics.size(), static_cast<size_t>(kSlots)) << what << ": a slot was idle";
        }
        for (const MetricReport& metric : report.metrics) snapshot.read(metric);
        for (const MetricReport& metric : report.metrics) {
          const TrialEnd& end = observer.ends.at(metric.trial);
          const bool is_last = metric.interval == static_cast<int64_t>(curves[metric.trial].size());
          const TrialState expected = !std::isfinite(metric.metric)           ? TrialState::kDiverged
                                      : is_last                               ? TrialState::kFinished
                                      : snapshot.stops(policy, metric.trial) ? TrialState::kStopped
                                                                              : TrialState::kRunning;
          ASSERT_EQ(end.interval == metric.interval, expected != TrialState::kRunning)
              << what << ", trial " << metric.trial << ", interval " << metric.interval;
          if (expected != TrialState::kRunning) {
            ASSERT_EQ(end.state, expected) << what << ", trial " << metric.trial;
          }
          n_stopped += expected == TrialState::kStopped;
        }
        for (const TrialEnd& end : report.ends) snapshot.end(end.trial);
      }
      EXPECT_EQ(next, kTrials);
      if (policy.kind != PolicyKind::kNone) {
        EXPECT_GT(n_stopped, 200) << what;
      }
    }
  }
}

TEST(SweepRefill, TakesNoDeviceMemoryAfterTheFirstInterval) {
  std::vector<EarlyTermination> policies = every_policy();
  for (const PolicyKind kind :
       {PolicyKind::kSuccessiveHalving, PolicyKind::kHyperband, PolicyKind::kAsha, PolicyKind::kPbt}) {
    policies.emplace_back().kind = kind;
  }
  for (EarlyTermination& policy : policies) {
    policy.delay_evaluation = 4;  // what the policy needs must be there before it acts
    const Curves curves = rising_curves(500, 7);
    SweepSpec spec = loop_spec(Goal::kMaximize, 60);
    spec.early_termination = policy;
    CountingAllocator memory;
    int64_t before_training = 0;
    FakeExecutor executor(curves);
    executor.before_interval = [&](int64_t tick) {
      if (tick == 1) before_training = memory.n_allocations;
    };
    SearchSpace space;
    space.add("x", uniform(0, 1));
    const Configurations configurations(space, 0, 500, std::vector<double>(500));
    Context context;
    context.allocator = &memory;
    const SweepResult result = run_sweep(spec, configurations, executor, host_backend(), context);
    EXPECT_EQ(result.progress.n_running + result.progress.n_waiting, 0);
    EXPECT_GT(executor.n_ticks, 10);
    EXPECT_GT(before_training, 0);
    EXPECT_EQ(memory.n_allocations, before_training) << "policy " << static_cast<int>(policy.kind);
    EXPECT_EQ(memory.n_bytes, 0u) << "all was given back";
  }
}

TEST(SweepRefill, OneTrialAloneIsNeverStopped) {
  for (const EarlyTermination& policy : every_policy()) {
    SweepSpec spec = loop_spec();
    spec.early_termination = policy;
    FakeExecutor executor(Curves{{3, 2, 1}});
    EXPECT_EQ(run_loop(spec, executor, 1).progress.n_finished, 1);
  }
}

TEST(SweepRefill, EqualTrialsAllGoOn) {
  for (const EarlyTermination& policy : every_policy()) {
    SweepSpec spec = loop_spec(Goal::kMaximize, 10);
    spec.early_termination = policy;
    FakeExecutor executor(Curves(40, Curve{0.1, 0.1, 0.1, 0.1}));
    EXPECT_EQ(run_loop(spec, executor, 40).progress.n_finished, 40);
  }
}

}  // namespace
}  // namespace lockstep
