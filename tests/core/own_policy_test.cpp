// Policies of a program's own: on the host and on the device, beside the built-in ones, in every kind of sweep.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <random>

#include <gtest/gtest.h>

#include <lockstep/error.h>
#include <lockstep/policy.h>

#include "core/fake_executor.h"
#include "core/message.h"
#include "core/program_executor.h"

namespace lockstep {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Median stopping, written by its words.
class OwnMedian : public HostPolicy {
 public:
  std::string name() const override { return "median_stopping"; }
  std::optional<std::string> stop(const TrialCurve& trial, const TrialHistory& all) override {
    std::vector<double> averages;
    size_t n_others = 0;
    for (const TrialCurve& each : all.trials()) {
      const bool ended = each.state != TrialState::kRunning;
      if (each.reports.empty() || (each.interval() < trial.interval() && !ended)) continue;
      averages.push_back(average(each, std::min(each.interval(), trial.interval()), all.goal()));
      n_others += each.trial != trial.trial ? 1 : 0;
    }
    if (n_others == 0) return std::nullopt;
    std::sort(averages.begin(), averages.end());
    const size_t half = averages.size() / 2;
    const double median = averages.size() % 2 ? averages[half] : (averages[half - 1] + averages[half]) / 2;
    const double sign = all.goal() == Goal::kMaximize ? 1 : -1;
    if (!(sign * all.best(trial) < median)) return std::nullopt;
    return "below";
  }

 private:
  static double average(const TrialCurve& trial, int64_t n, Goal goal) {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) {
      const double metric = trial.reports[static_cast<size_t>(i)];
      if (!std::isfinite(metric)) return -std::numeric_limits<double>::infinity();
      sum += goal == Goal::kMaximize ? metric : -metric;
    }
    return sum / static_cast<double>(n);
  }
};

/// Stops at a threshold, and writes down whom it was asked about.
class Threshold : public HostPolicy {
 public:
  explicit Threshold(double threshold) : threshold_(threshold) {}
  std::string name() const override { return "threshold"; }
  void begin(const TrialHistory& all) override { ages.push_back(static_cast<int64_t>(all.trials().size())); }
  std::optional<std::string> stop(const TrialCurve& trial, const TrialHistory& all) override {
    asked.emplace_back(trial.trial, trial.interval());
    if (!all.is_better(threshold_, trial.reports.back())) return std::nullopt;
    return "x " + std::to_string(all.configuration(trial.trial).number("x"));
  }

  std::vector<std::pair<int64_t, int64_t>> asked;
  std::vector<int64_t> ages;

 private:
  double threshold_;
};

/// On the device, by the host's hands: whoever is below the threshold by his best so far.
class DeviceThreshold : public Policy {
 public:
  std::string name() const override { return "on_device"; }
  HistoryParts reads() const override { return {.score = true}; }
  void judge(const Context& context, const SweepView& sweep, const DecideOptions& options, Verdict* verdicts) override {
    ++n_calls;
    EXPECT_EQ(context.device.kind, DeviceKind::kCpu);
    EXPECT_NE(sweep.history.score, nullptr);
    EXPECT_EQ(sweep.history.best_score, nullptr);
    for (int64_t slot = 0; slot < sweep.n_slots; ++slot) {
      EXPECT_EQ(verdicts[slot].stop, 0);
      const int64_t trial = sweep.slot_trial[slot];
      if (trial < 0) continue;
      const int64_t last = sweep.history.n_reported[trial] - 1;
      const double score = sweep.history.score[last * sweep.history.n_trials + trial];
      verdicts[slot].stop = score < 0.5;
      verdicts[slot].judged = with_numbers;
      verdicts[slot].value = score;
      verdicts[slot].threshold = 0.5;
    }
    EXPECT_GT(options.n_ages, 0);
  }

  bool with_numbers = true;
  int64_t n_calls = 0;
};

SweepSpec with_own(SweepSpec spec, std::shared_ptr<Policy> policy, int64_t evaluation_interval = 1, int64_t delay = 0) {
  spec.early_termination = {.kind = PolicyKind::kOwn,
                            .evaluation_interval = evaluation_interval,
                            .delay_evaluation = delay,
                            .own = std::move(policy)};
  return spec;
}

/// Multiples of 60 up to interval 6, some not finite: averages over 1 to 5 are exact whatever the order of the sums.
Curves lattice_curves(int64_t n, uint32_t seed) {
  std::mt19937 random(seed);
  Curves curves;
  for (int64_t i = 0; i < n; ++i) {
    Curve curve(1 + random() % 6);
    for (double& metric : curve) metric = 60 * (static_cast<double>(random() % 16) - 8);
    if (random() % 10 == 0) curve[random() % curve.size()] = kNan;
    curves.push_back(curve);
  }
  return curves;
}

TEST(OwnPolicy, DecidesAsTheBuiltInOneWhoseWordsItFollows) {
  int64_t n_stopped = 0;
  uint32_t seed = 0;
  for (const Goal goal : {Goal::kMaximize, Goal::kMinimize}) {
    for (const int64_t slots : {0, 1, 5, 33}) {
      for (const auto& [every, delay] : {std::pair<int64_t, int64_t>{1, 0}, {2, 0}, {2, 3}}) {
        const Curves curves = lattice_curves(101, ++seed);
        FakeExecutor executor(curves), own_executor(curves);
        RecordingObserver built_in, own;
        run_loop(with_median(loop_spec(goal, slots), every, delay), executor, 101, {&built_in});
        run_loop(with_own(loop_spec(goal, slots), std::make_shared<OwnMedian>(), every, delay), own_executor, 101, {&own});
        ASSERT_EQ(own.ends.size(), 101u);
        for (const auto& [trial, end] : built_in.ends) {
          EXPECT_EQ(own.ends[trial].state, end.state) << seed << ": " << trial;
          EXPECT_EQ(own.ends[trial].interval, end.interval) << seed << ": " << trial;
          n_stopped += end.state == TrialState::kStopped;
        }
      }
    }
  }
  EXPECT_GT(n_stopped, 300);
}

TEST(OwnPolicy, IsAskedByAscendingTrialWhereItActsAndGivesTheReasonInItsWords) {
  const auto policy = std::make_shared<Threshold>(0.5);
  FakeExecutor executor({{0.1, 0.1, 0.6, 0.1, 0.1}, {0.9, 0.4, 0.9, 0.9}, {kNan, 0.9}, {0.7, 0.7, 0.7, 0.2, 0.7}});
  RecordingObserver observer;
  run_loop(with_own(loop_spec(), policy, 2, 1), executor, 4, {&observer});
  // Not of one that diverged, nor of one at its last interval.
  EXPECT_EQ(policy->asked, (std::vector<std::pair<int64_t, int64_t>>{{0, 2}, {1, 2}, {3, 2}, {3, 4}}));
  EXPECT_EQ(observer.ends[0].state, TrialState::kStopped);
  EXPECT_EQ(observer.ends[0].reason, "threshold at interval 2: x 0.000000");
  EXPECT_EQ(observer.ends[1].state, TrialState::kStopped);
  EXPECT_EQ(observer.ends[2].state, TrialState::kDiverged);
  EXPECT_EQ(observer.ends[3].state, TrialState::kStopped);
  EXPECT_EQ(observer.ends[3].interval, 4);
  EXPECT_EQ(policy->ages, (std::vector<int64_t>{4, 4}));
}

TEST(OwnPolicy, SeesTrialsOfEarlierSweepsBelowZero) {
  struct Best : HostPolicy {
    std::optional<std::string> stop(const TrialCurve& trial, const TrialHistory& all) override {
      EXPECT_EQ(all.trials()[0].trial, -2);
      EXPECT_EQ(all.trials()[1].trial, -1);
      EXPECT_TRUE(all.configuration(-2).values().empty());
      EXPECT_EQ(all.at(trial.interval()).size(), trial.interval() == 1 ? 4u : 2u);
      for (const double metric : all.at(trial.interval())) {
        if (all.is_better(metric, trial.reports.back())) return "";
      }
      return std::nullopt;
    }
  };
  std::vector<EarlierTrial> earlier(2);
  earlier[0].reports = {5};
  earlier[1].reports = {7, 8};
  FakeExecutor executor({{9, 9, 9}, {6, 9, 9}});
  RecordingObserver observer;
  const Configurations configurations(SearchSpace().add("x", uniform(0, 1)), 0, 2, {0, 0});
  SweepObserver* const observers[] = {&observer};
  run_sweep(with_own(loop_spec(), std::make_shared<Best>()), configurations, executor, host_backend(), Context(), observers,
            nullptr, nullptr, earlier);
  EXPECT_EQ(observer.ends[0].state, TrialState::kFinished);
  EXPECT_EQ(observer.ends[1].reason, "own policy at interval 1");
}

TEST(OwnPolicy, JudgesOnTheDevice) {
  const auto policy = std::make_shared<DeviceThreshold>();
  const Curves curves = {{0.1, 0.1, 0.6, 0.9}, {0.9, 0.4, 0.9, 0.9}, {kNan, 0.9}, {0.7, 0.7, 0.7, 0.2, 0.7}};
  FakeExecutor executor(curves);
  RecordingObserver observer;
  run_loop(with_own(loop_spec(Goal::kMaximize, 3), policy, 2, 0), executor, 4, {&observer});
  EXPECT_EQ(observer.ends[0].reason, "on_device at interval 2: best 0.1 is below 0.5");
  EXPECT_EQ(observer.ends[1].interval, 2);
  EXPECT_EQ(observer.ends[2].state, TrialState::kDiverged);
  EXPECT_EQ(observer.ends[3].reason, "on_device at interval 4: best 0.2 is below 0.5");
  EXPECT_EQ(observer.ends[3].threshold, 0.5);
  const int64_t n_calls = policy->n_calls;
  EXPECT_EQ(n_calls, 3);  // after ticks 2, 3 and 5

  policy->with_numbers = false;
  FakeExecutor again(curves);
  RecordingObserver wordless;
  run_loop(with_own(loop_spec(Goal::kMaximize, 3), policy, 2, 0), again, 4, {&wordless});
  EXPECT_EQ(wordless.ends[0].reason, "on_device at interval 2");
}

TEST(OwnPolicy, ThatThrowsEndsTheSweepWithWhatItThrew) {
  struct Thrower : HostPolicy {
    std::optional<std::string> stop(const TrialCurve& trial, const TrialHistory&) override {
      if (trial.interval() == 2) throw std::out_of_range("no such column");
      return std::nullopt;
    }
  };
  FakeExecutor executor({{1, 2, 3}, {1, 2, 3}});
  EXPECT_EQ(message_of<std::out_of_range>([&] { run_loop(with_own(loop_spec(), std::make_shared<Thrower>()), executor, 2); }),
            "no such column");
}

TEST(OwnPolicy, TakesTheSameDecisionsAgainInAResume) {
  const Curves curves = lattice_curves(40, 5);
  const SweepSpec spec = with_own(loop_spec(Goal::kMaximize, 7), std::make_shared<OwnMedian>());
  FakeExecutor whole(curves);
  RecordingObserver all;
  run_loop(spec, whole, 40, {&all});

  SweepPast past;
  past.n_slots = 7;
  for (size_t i = 0; i < 6; ++i) past.times.push_back(all.reports[i].time);
  past.metric = [&](int64_t trial, int64_t interval) {
    return curves[static_cast<size_t>(trial)][static_cast<size_t>(interval - 1)];
  };
  // Ages at the end of tick 6, as `FakeExecutor::save` writes them.
  std::map<int64_t, int64_t> ages;
  for (size_t i = 0; i < 6; ++i) {
    for (const MetricReport& each : all.reports[i].metrics) ages[each.trial] = each.interval;
    for (const TrialEnd& end : all.reports[i].ends) ages.erase(end.trial);
  }
  for (const int64_t started : all.reports[6].started) ages.emplace(started, 0);
  std::vector<int64_t> saved = {static_cast<int64_t>(ages.size())};
  for (const auto& [trial, age] : ages) saved.insert(saved.end(), {trial, age});
  size_t at = 0;
  past.saved = [&](void* data, size_t size_bytes) {
    std::copy_n(reinterpret_cast<const char*>(saved.data()) + at, size_bytes, static_cast<char*>(data));
    at += size_bytes;
  };
  FakeExecutor rest(curves);
  RecordingObserver again;
  SweepObserver* const observers[] = {&again};
  const Configurations configurations(SearchSpace().add("x", uniform(0, 1)), 0, 40, std::vector<double>(40));
  const SweepSpec resumed = with_own(loop_spec(Goal::kMaximize, 7), std::make_shared<OwnMedian>());
  run_sweep(resumed, configurations, rest, host_backend(), Context(), observers, nullptr, &past);
  ASSERT_EQ(again.ends.size(), 40u);
  for (const auto& [trial, end] : all.ends) {
    EXPECT_EQ(again.ends[trial].state, end.state);
    EXPECT_EQ(again.ends[trial].interval, end.interval);
    EXPECT_EQ(again.ends[trial].reason, end.reason);
  }
}

TEST(OwnPolicy, SeesWhatHadHappenedBeforeAResumeOfTrialsThatReportWhenTheyPlease) {
  struct Watcher : HostPolicy {
    std::optional<std::string> stop(const TrialCurve& trial, const TrialHistory& all) override {
      if (trial.trial != 2) return std::nullopt;
      EXPECT_EQ(trial.reports, (std::vector<double>{1, 2}));
      EXPECT_EQ(all.trials().size(), 4u);
      EXPECT_EQ(all.trials()[0].reports, (std::vector<double>{9, 8, 7}));
      EXPECT_EQ(all.trials()[0].state, TrialState::kFinished);
      EXPECT_EQ(all.trials()[1].state, TrialState::kFailed);
      EXPECT_EQ(all.trials()[3].state, TrialState::kRunning);
      return "seen";
    }
  };
  SweepPast past;
  past.n_slots = 2;
  past.trials.push_back({0, {0.5}, {9, 8, 7}, TrialEnd{0, 3, TrialState::kFinished, 7, 0, "finished"}});
  past.trials.push_back({1, {0.5}, {}, TrialEnd{1, 0, TrialState::kFailed, kNan, 0, "failed"}});
  past.trials.push_back({2, {0.5}, {1}, {}});
  ProgramExecutor executor({{9}, {9}, {1, 2, 3}, {4, 4}});
  executor.reported_before[2] = 1;
  RecordingObserver observer;
  SweepObserver* const observers[] = {&observer};
  const Configurations configurations(SearchSpace().add("x", uniform(0, 1)), 0, 4, std::vector<double>(4));
  run_sweep(with_own(loop_spec(), std::make_shared<Watcher>()), configurations, executor, host_backend(), Context(), observers,
            nullptr, &past);
  EXPECT_EQ(observer.ends[2].reason, "own policy at interval 2: seen");
  EXPECT_EQ(observer.ends[3].state, TrialState::kFinished);
}

TEST(OwnPolicy, IsRefusedWhereThereIsNoneOrAnotherIsNamed) {
  FakeExecutor executor(Curves{{1}});
  SweepSpec spec = loop_spec();
  spec.early_termination.kind = PolicyKind::kOwn;
  EXPECT_EQ(message_of<InputError>([&] { run_loop(spec, executor, 1); }),
            "early_termination.own: is empty, and the kind is kOwn; give it a policy: std::make_shared<MyPolicy>()");
  spec.early_termination = {.kind = PolicyKind::kMedianStopping, .own = std::make_shared<OwnMedian>()};
  EXPECT_EQ(message_of<InputError>([&] { run_loop(spec, executor, 1); }),
            "early_termination.own: is a policy, and the kind is median_stopping; set the kind to PolicyKind::kOwn, or "
            "leave own empty");
  EXPECT_EQ(message_of<InputError>([&] {
              parse_sweep("type: sweep\ntrial: {model: mlp}\nsearch_space: {lr: {type: uniform, min_value: 0, max_value: 1}}\n"
                          "objective: {goal: minimize, primary_metric: m}\nlimits: {max_total_trials: 1}\n"
                          "early_termination: {type: own}\n", "s.yml");
            }),
            "s.yml:6: early_termination.type: unknown early-termination policy: 'own'; known are median_stopping, bandit, "
            "truncation_selection, successive_halving, hyperband, asha, pbt, none");
}

TEST(TrialHistory, CanBeMadeForATestOfAPolicy) {
  const Configurations configurations(SearchSpace().add("x", uniform(0, 1)), {{{"x", 0.5}}});
  TrialHistory history(Goal::kMinimize, configurations);
  history.add({0, TrialState::kRunning, {3, kNan, 2, 4}});
  const TrialCurve& trial = history.trials()[0];
  EXPECT_EQ(history.best(trial), 2);
  EXPECT_EQ(history.best(trial, 2), 3);
  EXPECT_TRUE(std::isnan(history.best(trial, 0)));
  EXPECT_EQ(history.at(3), std::vector<double>{2});
  EXPECT_TRUE(history.at(5).empty());
  EXPECT_TRUE(history.at(0).empty());
  EXPECT_FALSE(history.is_better(kNan, kNan));
  EXPECT_TRUE(history.is_better(9, kNan));
  EXPECT_EQ(history.configuration(0).number("x"), 0.5);
}

}  // namespace
}  // namespace lockstep
