// A loop of the caller's own: the same decisions as a sweep of trials that report when they please, one at a time.
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include <lockstep/error.h>
#include <lockstep/policy.h>
#include <lockstep/sampling.h>
#include <lockstep/study.h>

#include "core/message.h"
#include "core/program_executor.h"

namespace lockstep {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

SweepSpec study_spec(int64_t n_trials, int64_t at_once = 0, Goal goal = Goal::kMaximize) {
  SweepSpec spec = loop_spec(goal, at_once);
  spec.search_space.add("x", uniform(0, 1)).add("kind", choice({"a", "b"})).add("n", int_range(1, 9));
  spec.limits.max_total_trials = n_trials;
  return spec;
}

/// Who is worse than half of those that have come as far, by his last report.
class BelowMost : public HostPolicy {
  std::optional<std::string> stop(const TrialCurve& trial, const TrialHistory& all) override {
    size_t n_better = 0;
    const std::vector<double> others = all.at(trial.interval());
    for (const double each : others) n_better += all.is_better(each, trial.reports.back()) ? 1 : 0;
    if (2 * n_better <= others.size()) return std::nullopt;
    return std::to_string(n_better) + " of " + std::to_string(others.size()) + " are better";
  }
};

std::vector<EarlyTermination> policies() {
  return {{},
          {.kind = PolicyKind::kMedianStopping},
          {.kind = PolicyKind::kBandit, .evaluation_interval = 2, .slack_amount = 0.5},
          {.kind = PolicyKind::kTruncationSelection, .truncation_percentage = 30},
          {.kind = PolicyKind::kAsha, .reduction_factor = 2},
          {.kind = PolicyKind::kOwn, .own = std::make_shared<BelowMost>()}};
}

TEST(Study, DecidesAsASweepOfTrialsThatReportWhenTheyPlease) {
  for (const EarlyTermination& policy : policies()) {
    for (unsigned seed = 1; seed <= 6; ++seed) {
      const Curves curves = random_curves(40, 9, seed);
      SweepSpec spec = study_spec(40, 5, seed % 2 ? Goal::kMaximize : Goal::kMinimize);
      spec.early_termination = policy;
      spec.sampling.seed = seed;
      std::vector<EarlierTrial> earlier(2);
      earlier[0].reports = {4, 5, 6};
      earlier[1].reports = {6, 6};
      ProgramExecutor executor(curves, seed);
      executor.failing = {3, 7};
      RecordingObserver sweep, study_observer;
      SweepObserver* const observers[] = {&sweep};
      Context context;
      context.seed = seed;
      const Configurations configurations = sample(host_backend(), context, spec);
      const SweepResult expected =
          run_sweep(spec, configurations, executor, host_backend(), context, observers, nullptr, nullptr, earlier);

      Study study(spec, {.observers = {&study_observer}, .earlier = earlier});
      std::set<int64_t> running;
      const auto fill = [&] {
        while (const auto trial = study.ask()) {
          EXPECT_TRUE(running.insert(trial->id()).second);
          EXPECT_EQ(trial->number("x"), configurations.draw(trial->id(), 0));
        }
        EXPECT_LE(running.size(), 5u);
      };
      fill();
      for (const Arrivals& arrivals : executor.order) {
        for (const TrialExit& exit : arrivals.exits) {
          ASSERT_EQ(running.erase(exit.trial), 1u);
          exit.state == TrialState::kFailed ? study.fail(exit.trial, "exit code 3") : study.finish(exit.trial);
        }
        const std::vector<bool> ended = study.report(arrivals.reports);
        for (size_t i = 0; i < ended.size(); ++i) {
          if (ended[i]) running.erase(arrivals.reports[i].trial);
        }
        fill();
      }
      EXPECT_TRUE(running.empty());
      const SweepResult result = study.end();
      EXPECT_EQ(result.end, SweepEnd::kCompleted);
      EXPECT_EQ(result.best.trial, expected.best.trial);
      EXPECT_EQ(result.best.metric, expected.best.metric);
      EXPECT_EQ(result.best_draws, expected.best_draws);
      EXPECT_EQ(result.progress.trial_intervals, expected.progress.trial_intervals);
      EXPECT_EQ(result.progress.trial_intervals_full, expected.progress.trial_intervals_full);
      EXPECT_EQ(result.progress.n_stopped, expected.progress.n_stopped);
      EXPECT_EQ(result.progress.n_failed, expected.progress.n_failed);
      ASSERT_EQ(study_observer.ends.size(), 40u);
      for (const auto& [trial, end] : sweep.ends) {
        const TrialEnd& now = study_observer.ends[trial];
        EXPECT_EQ(now.state, end.state);
        EXPECT_EQ(now.interval, end.interval);
        EXPECT_EQ(now.threshold, end.threshold);
        EXPECT_TRUE(end.state != TrialState::kStopped || now.reason == end.reason) << now.reason;
      }
      EXPECT_GT(result.progress.n_stopped, policy.kind == PolicyKind::kNone ? -1 : 3);
    }
  }
}

TEST(Study, IsASweepInALoopOfTheCallers) {
  SweepSpec spec = study_spec(30);
  spec.early_termination = {.kind = PolicyKind::kMedianStopping, .delay_evaluation = 2};
  RecordingObserver observer;
  Study study(spec, {.seed = 7, .observers = {&observer}});
  int64_t n_reports = 0, n_stopped = 0;
  while (const auto trial = study.ask()) {
    EXPECT_EQ(study.n_running(), 1);
    EXPECT_TRUE(trial->text("kind") == "a" || trial->text("kind") == "b");
    EXPECT_GE(trial->integer("n"), 1);
    bool ended = false;
    for (int step = 0; step < 4 && !ended; ++step, ++n_reports) ended = study.report(trial->id(), trial->number("x") * (step + 1));
    EXPECT_EQ(study.end_of(trial->id()).has_value(), ended);
    n_stopped += ended ? 1 : 0;
    study.finish(trial->id());
    EXPECT_EQ(study.end_of(trial->id())->state, ended ? TrialState::kStopped : TrialState::kFinished);
  }
  EXPECT_GT(n_stopped, 5);
  const auto best = study.best();
  ASSERT_TRUE(best);
  EXPECT_EQ(best->metric, best->trial.number("x") * 4);
  EXPECT_EQ(best->interval, 4);
  const SweepResult result = study.end();
  EXPECT_EQ(result.end, SweepEnd::kCompleted);
  EXPECT_EQ(result.progress.trial_intervals, n_reports);
  EXPECT_EQ(result.progress.n_stopped, n_stopped);
  EXPECT_EQ(study.end().best.trial, best->trial.id());
  EXPECT_EQ(observer.ends.at(best->trial.id()).reason, "finished: after 4 reports");
  EXPECT_EQ(observer.calls.substr(observer.calls.size() - 4), "end ");
}

TEST(Study, DrawsConfigurationsAsItsSeedSays) {
  const auto all = [](SweepSpec spec, uint64_t seed) {
    Study study(std::move(spec), {.seed = seed});
    std::vector<double> out;
    for (const Trial& trial : study.ask(100)) out.push_back(trial.number("x"));
    return out;
  };
  for (const SamplingAlgorithm algorithm : {SamplingAlgorithm::kRandom, SamplingAlgorithm::kSobol}) {
    SweepSpec spec = study_spec(20);
    spec.sampling.algorithm = algorithm;
    EXPECT_EQ(all(spec, 7).size(), 20u);
    EXPECT_EQ(all(spec, 7), all(spec, 7));
    EXPECT_NE(all(spec, 7), all(spec, 8));
    spec.sampling.seed = 7;
    EXPECT_EQ(all(spec, 8), all(spec, 7));
  }
  SweepSpec grid = loop_spec();
  grid.search_space.add("x", choice({1, 2, 3})).add("y", choice({1, 2}));
  grid.sampling.algorithm = SamplingAlgorithm::kGrid;
  EXPECT_EQ(all(grid, 0), (std::vector<double>{1, 1, 2, 2, 3, 3}));
}

TEST(Study, AsksAProposerForEachTrialAsItStarts) {
  struct Climber : Proposer {
    std::vector<double> propose(int64_t n) override {
      std::vector<double> rows;
      for (int64_t i = 0; i < n; ++i) {
        const auto row = space.encode({{"x", std::min(1.0, best + 0.1)}, {"kind", "b"}, {"n", 2}});
        rows.insert(rows.end(), row.begin(), row.end());
      }
      return rows;
    }
    void on_interval(const IntervalReport& report) override {
      for (const MetricReport& each : report.metrics) best = std::max(best, each.metric);
    }
    SearchSpace space;
    double best = 0;
  };
  const auto climber = std::make_shared<Climber>();
  SweepSpec spec = study_spec(5);
  climber->space = spec.search_space;
  spec.sampling.algorithm = SamplingAlgorithm::kBayesian;
  EXPECT_EQ(message_of<InputError>([&] { Study without(spec); }),
            "sampling_algorithm: is bayesian, whose proposer was not given; set StudyOptions::proposer = make_proposer(spec, seed)");
  Study study(spec, {.proposer = climber});
  for (int i = 1; i <= 4; ++i) {
    const auto trial = study.ask();
    EXPECT_NEAR(trial->number("x"), 0.1 * i, 1e-12);
    EXPECT_EQ(trial->text("kind"), "b");
    study.tell(trial->id(), trial->number("x"));
  }
  EXPECT_NEAR(study.best()->trial.number("x"), 0.4, 1e-12);

  struct Miser : Proposer {
    std::vector<double> propose(int64_t) override { return {0.5}; }
  };
  Study broken(spec, {.proposer = std::make_shared<Miser>()});
  EXPECT_EQ(message_of<InputError>([&] { broken.ask(); }),
            "proposer: gave 1 draws for 1 trials of 3 hyperparameters; give one a hyperparameter, row after row");
  EXPECT_THROW(broken.ask(), std::logic_error);
}

TEST(Study, SaysWhatIsWrongWithATrial) {
  Study study(study_spec(5));
  EXPECT_EQ(message_of<InputError>([&] { study.report(0, 1); }), "trial 0: was not asked for; ask() gives trials");
  study.ask(3);
  EXPECT_EQ(message_of<InputError>([&] { study.finish(3); }), "trial 3: was not asked for; name one that ask() gave");
  EXPECT_FALSE(study.report(0, 1));
  EXPECT_TRUE(study.report(1, kNan));  // diverged
  EXPECT_EQ(message_of<InputError>([&] { study.report(1, 2); }),
            "trial 1: has ended (diverged at interval 1: the metric is nan), and reports once more; leave it alone once "
            "report() has returned true, or it was finished");
  study.finish(1);
  study.finish(0);
  EXPECT_EQ(message_of<InputError>([&] { study.finish(0); }),
            "trial 0: was ended before (finished: after 1 report); finish or fail a trial once");
  EXPECT_EQ(message_of<InputError>([&] { study.tell(0, 1); }),
            "trial 0: has ended (finished: after 1 report), and reports once more; leave it alone once "
            "report() has returned true, or it was finished");
  EXPECT_EQ(message_of<InputError>([&] { study.report({{2, 1}, {2, 2}}); }),
            "trial 2: reports twice at once; report one interval of it after another");
  study.fail(2, "no convergence");
  EXPECT_EQ(study.end_of(2)->reason, "failed: no convergence");
  // None of this has ended the study.
  EXPECT_EQ(study.ask()->id(), 3);
  EXPECT_EQ(study.end().progress.n_failed, 1);
}

TEST(Study, RefusesWhatMeansNothingHere) {
  EXPECT_EQ(message_of<InputError>([] { Study study(study_spec(0)); }),
            "limits.max_total_trials: is 0; write how many trials the study may have at most, 1 to 1000000");
  EXPECT_EQ(message_of<InputError>([] { Study study(loop_spec()); }),
            "search_space: is empty; add hyperparameters: spec.search_space.add(\"x\", uniform(0, 1))");
  SweepSpec spec = study_spec(5);
  spec.early_termination.kind = PolicyKind::kHyperband;
  EXPECT_THROW(Study{spec}, InputError);
}

TEST(Study, EndsWhenItIsStopped) {
  RecordingObserver observer;
  Study study(study_spec(10), {.observers = {&observer}});
  const std::vector<Trial> trials = study.ask(3);
  study.report(0, 1);
  study.finish(0);
  study.stop();
  study.stop();
  EXPECT_FALSE(study.ask());
  // Whoever works on one is told, and may close it.
  EXPECT_TRUE(study.report(1, 2));
  study.finish(1);
  study.fail(2, "late");
  EXPECT_EQ(study.end_of(1)->reason, "aborted: the sweep was interrupted after interval 0");
  EXPECT_EQ(study.end_of(2)->state, TrialState::kAborted);
  const SweepResult result = study.end();
  EXPECT_EQ(result.end, SweepEnd::kInterrupted);
  EXPECT_EQ(result.progress.n_aborted, 2);
  EXPECT_EQ(observer.ends.size(), 3u);
}

TEST(Study, MeetsItsTimeLimits) {
  SweepSpec spec = study_spec(10);
  spec.limits.trial_timeout_s = 1e-9;
  Study slow(spec);
  const auto trial = slow.ask();
  EXPECT_TRUE(slow.report(trial->id(), 1));
  EXPECT_EQ(slow.end_of(trial->id())->reason, "aborted: limits.trial_timeout after interval 1");
  slow.finish(trial->id());

  spec.limits = {.max_total_trials = 10, .timeout_s = 0.05};
  Study study(spec);
  ASSERT_TRUE(study.ask());
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  EXPECT_TRUE(study.report(0, 1));
  EXPECT_FALSE(study.ask());
  EXPECT_EQ(study.end_of(0)->reason, "aborted: the sweep reached limits.timeout after interval 0");
  EXPECT_EQ(study.end().end, SweepEnd::kTimeout);
}

TEST(Study, TakesReportsOfSeveralThreads) {
  SweepSpec spec = study_spec(400);
  spec.early_termination.kind = PolicyKind::kMedianStopping;
  RecordingObserver observer;
  std::atomic<int64_t> n_reports = 0;
  {
    Study study(spec, {.observers = {&observer}});
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        while (const auto trial = study.ask()) {
          for (int step = 0; step < 5; ++step) {
            ++n_reports;
            if (study.report(trial->id(), trial->number("x"))) break;
          }
          study.finish(trial->id());
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(study.progress().trial_intervals, n_reports);
    EXPECT_EQ(study.progress().n_finished + study.progress().n_stopped, 400);
  }
  EXPECT_EQ(observer.ends.size(), 400u);
  EXPECT_EQ(observer.calls.substr(observer.calls.size() - 4), "end ");  // it ended with its scope
}

TEST(Study, IsOverAfterAnExceptionOfAnObserver) {
  struct Thrower : SweepObserver {
    void on_interval(const IntervalReport& report) override {
      if (!report.metrics.empty()) throw std::runtime_error("disk full");
    }
  } thrower;
  Study study(study_spec(3), {.observers = {&thrower}});
  study.ask();
  EXPECT_EQ(message_of<std::runtime_error>([&] { study.report(0, 1); }), "disk full");
  EXPECT_EQ(message_of<std::logic_error>([&] { study.end(); }),
            "Study: it was ended by an exception that an observer, a proposer or a policy threw");
}

}  // namespace
}  // namespace lockstep
