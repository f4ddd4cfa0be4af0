// Trials that report when they please, as programs do: each is judged at each of its reports beside all that have come as
// far by then, ends when it says so, and a sweep of them that was cut off goes on. Curves of earlier sweeps take part.
#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include <lockstep/error.h>

#include "core/fake_executor.h"
#include "core/message.h"
#include "core/program_executor.h"

namespace lockstep {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Configurations configurations_of(int64_t n_trials) {
  SearchSpace space;
  space.add("x", uniform(0, 1));
  return Configurations(space, 0, n_trials, std::vector<double>(static_cast<size_t>(n_trials), 0.5));
}

SweepResult run_programs(const SweepSpec& spec, ProgramExecutor& executor, int64_t n_trials,
                         std::vector<SweepObserver*> observers = {}, const SweepPast* past = nullptr,
                         std::span<const EarlierTrial> earlier = {}, const std::atomic<bool>* stop = nullptr) {
  const Configurations configurations = configurations_of(n_trials);
  const Context context;
  return run_sweep(spec, configurations, executor, host_backend(), context, observers, stop, past, earlier);
}

/// What the policies say, computed anew at each report from all that has been reported by then.
class Judge {
 public:
  Judge(EarlyTermination policy, std::span<const EarlierTrial> earlier) : policy_(policy) {
    for (const EarlierTrial& each : earlier) {
      trials_[next_earlier_] = {each.reports, each.state};
      --next_earlier_;
    }
  }
  /// Those that are to be stopped, of trials that report at once.
  std::set<int64_t> decide(const Arrivals& arrivals) {
    for (const TrialExit& exit : arrivals.exits) trials_[exit.trial].state = exit.state;
    for (const TrialReport& report : arrivals.reports) trials_[report.trial].reports.push_back(report.metric);
    std::set<int64_t> stopped;
    for (const TrialReport& report : arrivals.reports) {
      if (is_stopped(report.trial)) stopped.insert(report.trial);
    }
    for (const int64_t trial : stopped) trials_[trial].state = TrialState::kStopped;
    return stopped;
  }

 private:
  struct Trial {
    std::vector<double> reports;
    TrialState state = TrialState::kRunning;
  };
  static double best(const std::vector<double>& reports, size_t n) {
    return *std::max_element(reports.begin(), reports.begin() + static_cast<std::ptrdiff_t>(n));
  }
  static double mean(const std::vector<double>& reports, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i) sum += reports[i];
    return sum / static_cast<double>(n);
  }

  bool is_stopped(int64_t trial) const {
    const Trial& own = trials_.at(trial);
    const size_t n = own.reports.size();
    std::vector<double> others;
    for (const auto& [id, other] : trials_) {
      if (other.reports.empty()) continue;
      const bool reached = other.reports.size() >= n;
      if (policy_.kind == PolicyKind::kMedianStopping) {
        if (reached || other.state != TrialState::kRunning) others.push_back(mean(other.reports, std::min(n, other.reports.size())));
      } else if (policy_.kind == PolicyKind::kAsha) {
        if (reached) others.push_back(other.reports[n - 1]);
      } else if (reached) {
        others.push_back(best(other.reports, n));
      }
    }
    std::sort(others.begin(), others.end());
    const size_t m = others.size();
    if (m < 2) return false;
    const double value = best(own.reports, n);
    switch (policy_.kind) {
      case PolicyKind::kMedianStopping: return value < (others[(m - 1) / 2] + others[m / 2]) / 2 - 1e-9;
      case PolicyKind::kBandit: return value < others.back() - *policy_.slack_amount;
      case PolicyKind::kTruncationSelection:
        return value < others[m * static_cast<size_t>(policy_.truncation_percentage) / 100];
      case PolicyKind::kAsha: {
        if (n < 2 || (n & (n - 1)) != 0) return false;
        const size_t kept = std::max<size_t>(1, m / 2);
        return own.reports[n - 1] < others[m - kept];
      }
      default: return false;
    }
  }

  EarlyTermination policy_;
  std::map<int64_t, Trial> trials_;
  int64_t next_earlier_ = -1;
};

std::vector<EarlyTermination> policies() {
  EarlyTermination median{PolicyKind::kMedianStopping};
  EarlyTermination bandit{PolicyKind::kBandit};
  bandit.slack_amount = 1.0;
  EarlyTermination truncation{PolicyKind::kTruncationSelection};
  truncation.truncation_percentage = 40;
  EarlyTermination asha{PolicyKind::kAsha};
  asha.reduction_factor = 2;
  asha.min_resource = 2;
  return {{}, median, bandit, truncation, asha};
}

void expect_as_judged(const EarlyTermination& policy, std::span<const EarlierTrial> earlier) {
  const Curves curves = random_curves(60, 300, 7);  // more reports than there is room for at first
  ProgramExecutor executor(curves);
  RecordingObserver observer;
  SweepSpec spec = loop_spec();
  spec.early_termination = policy;
  const SweepResult result = run_programs(spec, executor, 60, {&observer}, nullptr, earlier);

  EXPECT_EQ(result.end, SweepEnd::kCompleted);
  EXPECT_EQ(observer.ends.size(), 60u);
  EXPECT_EQ(executor.most_at_once, 5u);
  Judge judge(policy, earlier);
  std::map<int64_t, int64_t> n_reports;
  std::set<int64_t> stopped;
  for (const Arrivals& arrivals : executor.order) {
    for (const TrialReport& report : arrivals.reports) ++n_reports[report.trial];
    for (const int64_t trial : judge.decide(arrivals)) {
      stopped.insert(trial);
      ASSERT_TRUE(observer.ends.contains(trial));
      EXPECT_EQ(observer.ends[trial].state, TrialState::kStopped) << "trial " << trial;
      EXPECT_EQ(observer.ends[trial].interval, n_reports[trial]) << "trial " << trial;
    }
  }
  for (const auto& [trial, end] : observer.ends) {
    EXPECT_EQ(end.state == TrialState::kStopped, stopped.contains(trial)) << "trial " << trial;
    EXPECT_EQ(end.interval, n_reports[trial]);
  }
  if (policy.kind == PolicyKind::kNone) {
    EXPECT_EQ(result.savings(), 0);
  } else {
    EXPECT_GT(stopped.size(), 5u);
    EXPECT_LT(stopped.size(), 60u);
    EXPECT_GT(result.savings(), 0);
  }
}

class SweepAsynchronous : public testing::TestWithParam<int> {};

TEST_P(SweepAsynchronous, JudgesEachReportBesideAllThatHaveComeAsFar) {
  expect_as_judged(policies()[static_cast<size_t>(GetParam())], {});
}

TEST_P(SweepAsynchronous, ComparesWithCurvesOfEarlierSweeps) {
  std::vector<EarlierTrial> earlier;
  for (const Curve& curve : random_curves(25, 400, 11)) earlier.push_back({{}, curve, {}, TrialState::kFinished});
  earlier[3].state = TrialState::kStopped;
  earlier.push_back({{0.5}, {}, 7.0, TrialState::kFinished});  // without a curve
  expect_as_judged(policies()[static_cast<size_t>(GetParam())], earlier);
}

INSTANTIATE_TEST_SUITE_P(Policies, SweepAsynchronous, testing::Range(0, 5));

TEST(SweepAsynchronousEnds, ATrialEndsWhenItSaysSo) {
  ProgramExecutor executor({{1, 2}, {}, {3, kNan, 4}, {2, 2, 2}, {}});
  executor.failing = {1, 3};
  RecordingObserver observer;
  const SweepResult result = run_programs(loop_spec(Goal::kMaximize, 2), executor, 5, {&observer});
  EXPECT_EQ(executor.most_at_once, 2u);
  EXPECT_EQ(observer.ends[0].state, TrialState::kFinished);
  EXPECT_EQ(observer.ends[0].interval, 2);
  EXPECT_EQ(observer.ends[1].state, TrialState::kFailed);
  EXPECT_EQ(observer.ends[1].reason, "failed: exit code 3");
  EXPECT_EQ(observer.ends[1].interval, 0);
  EXPECT_TRUE(std::isnan(observer.ends[1].metric));
  EXPECT_EQ(observer.ends[2].state, TrialState::kDiverged);
  EXPECT_EQ(observer.ends[2].interval, 2);
  EXPECT_EQ(observer.ends[3].state, TrialState::kFailed);
  EXPECT_EQ(observer.ends[3].interval, 3);
  EXPECT_EQ(observer.ends[4].state, TrialState::kFinished);
  const Progress& p = result.progress;
  EXPECT_EQ(p.n_finished, 2);
  EXPECT_EQ(p.n_failed, 2);
  EXPECT_EQ(p.n_diverged, 1);
  EXPECT_EQ(p.n_running, 0);
  EXPECT_EQ(p.n_waiting, 0);
  EXPECT_EQ(result.best.trial, 2);
  EXPECT_EQ(result.best.metric, 3);
}

TEST(SweepAsynchronousEnds, StopsWhenAskedWhileNobodyReports) {
  std::atomic<bool> stop = false;
  ProgramExecutor executor(Curves(4, Curve(1000, 1.0)));
  executor.before_await = [&](int64_t n) { stop = n == 9; };  // a call that brings nothing
  RecordingObserver observer;
  const SweepResult result = run_programs(loop_spec(), executor, 4, {&observer}, nullptr, {}, &stop);
  EXPECT_EQ(result.end, SweepEnd::kInterrupted);
  EXPECT_EQ(result.progress.n_aborted, 4);
  EXPECT_TRUE(executor.running.empty());
}

TEST(SweepAsynchronousEnds, EndsAtItsTimeoutWhileNobodyReports) {
  struct Silent : ProgramExecutor {
    using ProgramExecutor::ProgramExecutor;
    Arrivals await(double) override { return {}; }
  } executor(Curves{{1}, {1}});
  SweepSpec spec = loop_spec();
  spec.limits.timeout_s = 0.05;
  const SweepResult result = run_programs(spec, executor, 2);
  EXPECT_EQ(result.end, SweepEnd::kTimeout);
  EXPECT_EQ(result.progress.n_aborted, 2);
}

TEST(SweepAsynchronousEnds, RefusesPoliciesThatNeedTrialsSideBySide) {
  for (const PolicyKind kind : {PolicyKind::kSuccessiveHalving, PolicyKind::kHyperband, PolicyKind::kPbt}) {
    ProgramExecutor executor(Curves{{1}, {1}});
    SweepSpec spec = loop_spec();
    spec.early_termination.kind = kind;
    const std::string message = message_of<InputError>([&] { run_programs(spec, executor, 2); });
    EXPECT_NE(message.find("early_termination.type"), std::string::npos) << message;
  }
}

/// What an observer saw, as the past of a sweep that is cut off there: of trials that had not ended only what they had
/// reported, if `keeps_reports`.
SweepPast past_of(const RecordingObserver& seen, int64_t n_slots, bool keeps_reports) {
  SweepPast past;
  past.n_slots = n_slots;
  std::map<int64_t, PastTrial> trials;
  for (const IntervalReport& report : seen.reports) {
    for (const int64_t trial : report.started) trials[trial] = {trial, {0.25}, {}, {}};
    for (const MetricReport& each : report.metrics) trials[each.trial].reports.push_back(each.metric);
    past.elapsed_s = report.time.trained_s;
  }
  for (auto& [id, trial] : trials) {
    const auto end = seen.ends.find(id);
    if (end != seen.ends.end() && end->second.state != TrialState::kAborted) {
      trial.end = end->second;
    } else if (!keeps_reports) {
      trial.reports.clear();
    }
    past.trials.push_back(trial);
  }
  return past;
}

TEST(SweepAsynchronousResume, GoesOnWhereItWasCutOff) {
  const Curves curves = random_curves(40, 30, 3);
  for (const bool keeps_reports : {true, false}) {
    for (const int64_t cut_at : {1, 4, 20, 60}) {
      SweepSpec spec = loop_spec();
      spec.early_termination = policies()[1];
      std::atomic<bool> stop = false;
      ProgramExecutor first(curves);
      first.before_await = [&](int64_t n) { stop = n >= cut_at; };
      RecordingObserver before;
      run_programs(spec, first, 40, {&before}, nullptr, {}, &stop);

      const SweepPast past = past_of(before, 5, keeps_reports);
      ProgramExecutor second(curves, 2);
      for (const PastTrial& trial : past.trials) second.reported_before[trial.trial] = trial.reports.size();
      RecordingObserver after;
      const SweepResult result = run_programs(spec, second, 40, {&after}, &past);
      EXPECT_EQ(result.end, SweepEnd::kCompleted);
      EXPECT_EQ(after.ends.size(), 40u);
      int64_t n_reports = 0;
      for (const auto& [trial, end] : after.ends) {
        n_reports += end.interval;
        if (end.state == TrialState::kFinished) {
          EXPECT_EQ(end.interval, static_cast<int64_t>(curves[static_cast<size_t>(trial)].size()));
        }
        const auto then = before.ends.find(trial);
        if (then == before.ends.end() || then->second.state == TrialState::kAborted) continue;
        EXPECT_EQ(end.state, then->second.state);
        EXPECT_EQ(end.reason, then->second.reason);
        EXPECT_FALSE(second.running.contains(trial));
      }
      EXPECT_EQ(result.progress.trial_intervals, n_reports);
      EXPECT_EQ(result.progress.n_stopped + result.progress.n_finished, 40);
      EXPECT_GE(result.progress.elapsed_s, past.elapsed_s);
    }
  }
}

TEST(SweepAsynchronousResume, ComparesWithWhatHadEnded) {
  SweepPast past;
  past.n_slots = 2;
  for (int64_t trial = 0; trial < 4; ++trial) {
    past.trials.push_back({trial, {0.5}, {9, 9, 9}, TrialEnd{trial, 3, TrialState::kFinished, 9, 0, "finished"}});
  }
  past.trials.push_back({4, {0.5}, {1}, {}});
  SweepSpec spec = loop_spec();
  spec.early_termination = policies()[1];
  ProgramExecutor executor({{9}, {9}, {9}, {9}, {1, 1, 1}, {10, 10}});
  executor.reported_before[4] = 1;
  RecordingObserver observer;
  run_programs(spec, executor, 6, {&observer}, &past);
  EXPECT_EQ(observer.ends[4].state, TrialState::kStopped);
  EXPECT_EQ(observer.ends[4].interval, 2);
  EXPECT_EQ(observer.ends[5].state, TrialState::kFinished);
}

TEST(SweepAsynchronousResume, StartsTrialsWithTheConfigurationsThatTheyHad) {
  struct Chooser : Proposer {
    std::vector<double> propose(int64_t n) override {
      n_asked += n;
      return std::vector<double>(static_cast<size_t>(n), 0.75);
    }
    int64_t n_asked = 0;
  } chooser;
  SweepPast past;
  past.n_slots = 2;
  past.trials.push_back({0, {0.125}, {1}, TrialEnd{0, 1, TrialState::kFinished, 1, 0, "finished"}});
  past.trials.push_back({1, {0.25}, {}, {}});
  ProgramExecutor executor({{1}, {1}, {1}});
  Configurations configurations = configurations_of(3);
  run_sweep(loop_spec(), configurations, chooser, executor, host_backend(), Context(), {}, nullptr, &past);
  EXPECT_EQ(chooser.n_asked, 3);
  EXPECT_EQ(configurations.draw(0, 0), 0.125);
  EXPECT_EQ(configurations.draw(1, 0), 0.25);
  EXPECT_EQ(configurations.draw(2, 0), 0.75);
  EXPECT_EQ(executor.configured.at(1), std::vector<double>{0.25});
}

// Trials that train side by side compare with earlier curves as well.
TEST(SweepEarlier, TrialsThatTrainSideBySideCompareWithEarlierCurvesToo) {
  std::vector<EarlierTrial> earlier(3);
  for (EarlierTrial& each : earlier) each.reports = {8, 8, 8, 8, 8, 8, 8, 8};  // longer than any trial of the sweep
  const SweepSpec spec = with_median(loop_spec());
  FakeExecutor executor({{9, 9, 9}, {1, 9, 9}, {7, 8.5, 9}});
  RecordingObserver observer;
  const Configurations configurations = configurations_of(3);
  SweepObserver* const observers[] = {&observer};
  run_sweep(spec, configurations, executor, host_backend(), Context(), observers, nullptr, nullptr, earlier);
  EXPECT_EQ(observer.ends[0].state, TrialState::kFinished);
  EXPECT_EQ(observer.ends[1].interval, 1);
  EXPECT_EQ(observer.ends[1].threshold, 8);
  EXPECT_EQ(observer.ends[2].interval, 1);
}

}  // namespace
}  // namespace lockstep
