// Population based training inside the loop.
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "core/fake_executor.h"
#include "core/message.h"

namespace lockstep {
namespace {

constexpr int64_t kTrials = 12;
constexpr int64_t kIntervals = 10;

/// Trials whose metric grows each interval by their first hyperparameter: their weight is what they have gathered so far.
class GrowingExecutor : public Executor {
 public:
  explicit GrowingExecutor(const Configurations& configurations) : configurations_(configurations) {}

  int64_t cohort(int64_t trial) const override { return trial % n_cohorts; }
  bool structural(int64_t param) const override { return param == 1; }
  int64_t n_intervals(int64_t) const override { return kIntervals; }
  void start(std::span<const Placement> placements) override {
    for (const auto& [slot, trial] : placements) {
      const double* row = configurations_.row(trial);
      trials[trial] = {slot, 0, {row, row + configurations_.space().n_params()}};
    }
  }
  void train_interval(double* metrics) override {
    for (auto& [id, trial] : trials) {
      trial.weight += trial.draws[0];
      metrics[trial.slot] = trial.weight;
      if (trial.weight > kept_weight) best_draws = trial.draws;
      kept_weight = std::max(kept_weight, trial.weight);
    }
  }
  void exploit(std::span<const Exploit> exploits) override {
    const auto before = trials;
    for (const Exploit& each : exploits) {
      trials.at(each.trial).weight = before.at(each.source).weight;
      trials.at(each.trial).draws = {each.draws.begin(), each.draws.end()};
      EXPECT_EQ(cohort(each.trial), cohort(each.source));
      EXPECT_EQ(each.draws[1], before.at(each.trial).draws[1]) << "a structural hyperparameter changed";
      EXPECT_GE(before.at(each.source).weight, before.at(each.trial).weight);
    }
    n_exploits += static_cast<int64_t>(exploits.size());
  }
  void retire(std::span<const int64_t> ended) override {
    for (const int64_t trial : ended) trials.erase(trial);
  }
  void keep(int64_t) override {}
  std::optional<double> test_kept(int64_t) override { return std::nullopt; }

  struct Trial {
    int64_t slot = 0;
    double weight = 0;
    std::vector<double> draws;
  };
  std::map<int64_t, Trial> trials;
  int64_t n_cohorts = 1;
  int64_t n_exploits = 0;
  double kept_weight = 0;
  std::vector<double> best_draws;  ///< of the trial with the largest weight so far

 private:
  const Configurations& configurations_;
};

/// Trial i grows by (i + 1) / kTrials; `units` is equal within two cohorts.
Configurations growing_configurations() {
  SearchSpace space;
  space.add("rate", uniform(0, 10)).add("units", int_range(0, 1)).add("act", choice({Value("a"), Value("b"), Value("c")}));
  std::vector<double> draws;
  for (int64_t i = 0; i < kTrials; ++i) {
    draws.insert(draws.end(), {static_cast<double>(i + 1) / kTrials, static_cast<double>(i % 2), static_cast<double>(i % 3)});
  }
  return Configurations(space, 0, kTrials, draws);
}

SweepSpec pbt_spec() {
  SweepSpec spec = loop_spec();
  spec.early_termination.kind = PolicyKind::kPbt;
  spec.early_termination.evaluation_interval = 2;
  spec.early_termination.resample_probability = 0;
  return spec;
}

SweepResult run(const SweepSpec& spec, GrowingExecutor& executor, const Configurations& configurations,
                RecordingObserver& observer) {
  Context context;
  context.allocator = &host_backend().allocator();
  context.seed = 5;
  const std::vector<SweepObserver*> observers = {&observer};
  return run_sweep(spec, configurations, executor, host_backend(), context, observers);
}

TEST(SweepPbt, TellsWhoTookOverFromWhomAndWhy) {
  const Configurations configurations = growing_configurations();
  GrowingExecutor executor(configurations);
  RecordingObserver observer;
  const SweepResult result = run(pbt_spec(), executor, configurations, observer);
  EXPECT_EQ(result.progress.n_finished, kTrials);
  EXPECT_EQ(result.progress.n_stopped, 0);
  EXPECT_EQ(result.progress.trial_intervals, kTrials * kIntervals);
  EXPECT_EQ(result.savings(), 0);
  int64_t n_exploits = 0;
  for (const IntervalReport& report : observer.reports) {
    // A quarter of 12, every other interval, but not at the last.
    EXPECT_EQ(report.exploits.size(), report.tick % 2 == 0 && report.tick < kIntervals ? 3u : 0u) << report.tick;
    n_exploits += static_cast<int64_t>(report.exploits.size());
    EXPECT_EQ(report.progress.n_exploits, n_exploits);
    for (const TrialExploit& each : report.exploits) {
      EXPECT_EQ(each.interval, report.tick);
      EXPECT_EQ(each.draws.size(), 3u);
      EXPECT_LE(each.metric, each.threshold);
    }
  }
  EXPECT_EQ(n_exploits, executor.n_exploits);
  // The three worst at interval 2 are trials 0, 1, 2, and the three best 9, 10, 11.
  const TrialExploit& first = observer.reports[1].exploits.front();
  EXPECT_EQ(first.trial, 0);
  EXPECT_GE(first.source, 9);
  EXPECT_EQ(first.reason, "pbt at interval 2: 0.166667 is not among the best 9 of 12, down to 0.666667; takes over from trial " +
                              std::to_string(first.source));
}

TEST(SweepPbt, AConfigurationIsItsSourcesChanged) {
  const Configurations configurations = growing_configurations();
  GrowingExecutor executor(configurations);
  RecordingObserver observer;
  run(pbt_spec(), executor, configurations, observer);
  std::map<int64_t, std::vector<double>> now;
  for (int64_t i = 0; i < kTrials; ++i) now[i] = {configurations.row(i), configurations.row(i) + 3};
  for (const IntervalReport& report : observer.reports) {
    for (const TrialExploit& each : report.exploits) {
      const double ratio = each.draws[0] / now[each.source][0];
      EXPECT_TRUE(std::abs(ratio - 0.8) < 1e-12 || std::abs(ratio - 1.2) < 1e-12) << ratio;
      EXPECT_EQ(std::abs(each.draws[2] - now[each.source][2]), 1);
    }
    for (const TrialExploit& each : report.exploits) now[each.trial] = each.draws;
  }
}

TEST(SweepPbt, TheBestTrialHasTheConfigurationOfItsBestInterval) {
  const Configurations configurations = growing_configurations();
  GrowingExecutor executor(configurations);
  RecordingObserver observer;
  const SweepResult result = run(pbt_spec(), executor, configurations, observer);
  EXPECT_EQ(result.best_draws, executor.best_draws);
  int64_t n_before = 0;
  for (const IntervalReport& report : observer.reports) {
    for (const TrialExploit& each : report.exploits) {
      n_before += each.trial == result.best.trial && each.interval < result.best.interval;
    }
  }
  EXPECT_EQ(result.best_n_exploits, n_before);
  EXPECT_GT(result.best.metric, kIntervals);  // better than the best rate alone gets, which is 1 an interval
}

TEST(SweepPbt, WithoutExploitsTheBestTrialHasItsOwnConfiguration) {
  const Configurations configurations = growing_configurations();
  GrowingExecutor executor(configurations);
  RecordingObserver observer;
  const SweepResult result = run(loop_spec(), executor, configurations, observer);
  EXPECT_EQ(result.best.trial, kTrials - 1);
  EXPECT_EQ(result.best_draws, std::vector<double>(configurations.row(11), configurations.row(11) + 3));
  EXPECT_EQ(result.best_n_exploits, 0);
}

TEST(SweepPbt, CohortsAndWavesKeepToThemselves) {
  const Configurations configurations = growing_configurations();
  GrowingExecutor executor(configurations);
  executor.n_cohorts = 2;  // checked by the executor
  RecordingObserver observer;
  SweepSpec spec = pbt_spec();
  spec.limits.max_concurrent_trials = 8;
  const SweepResult result = run(spec, executor, configurations, observer);
  EXPECT_GT(result.progress.n_exploits, 0);
  for (const IntervalReport& report : observer.reports) {
    for (const TrialExploit& each : report.exploits) EXPECT_EQ(each.trial < 8, each.source < 8);
  }
}

TEST(SweepPbt, SeedDecides) {
  const Configurations configurations = growing_configurations();
  const auto exploits_of = [&] {
    GrowingExecutor executor(configurations);
    RecordingObserver observer;
    run(pbt_spec(), executor, configurations, observer);
    std::vector<std::pair<int64_t, std::vector<double>>> all;
    for (const IntervalReport& report : observer.reports) {
      for (const TrialExploit& each : report.exploits) all.emplace_back(each.source, each.draws);
    }
    return all;
  };
  EXPECT_EQ(exploits_of(), exploits_of());
}

TEST(SweepPbt, IsRefusedForAPopulationOfOne) {
  FakeExecutor executor(Curves(3, Curve(5, 0.5)));
  SweepSpec spec = pbt_spec();
  spec.file = "s.yml";
  spec.limits.max_concurrent_trials = 1;
  EXPECT_EQ(message_of<InputError>([&] { run_loop(spec, executor, 3); }),
            "s.yml: early_termination: pbt needs a population, and 1 trial trains at a time; raise "
            "limits.max_concurrent_trials");
}

TEST(SweepPbt, AnExecutorThatCannotCopyWeightsSaysSo) {
  class Simple : public FakeExecutor {
   public:
    using FakeExecutor::FakeExecutor;
    void exploit(std::span<const Exploit> exploits) override { Executor::exploit(exploits); }
  };
  Simple executor(Curves{{1, 1, 1}, {2, 2, 2}, {3, 3, 3}, {4, 4, 4}});
  EXPECT_THROW(run_loop(pbt_spec(), executor, 4), TaskError);
}

}  // namespace
}  // namespace lockstep
