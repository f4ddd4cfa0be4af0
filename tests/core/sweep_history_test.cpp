// A sweep remembered as it runs: what the next one learns from it. The rules by which trials of another space are matched
// are tested with sweeps in folders (tests/store/earlier_trials_test.cpp).
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include <lockstep/error.h>
#include <lockstep/study.h>
#include <lockstep/warm_start.h>

#include "core/fake_executor.h"
#include "core/message.h"

namespace lockstep {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

SweepSpec spec_of(SearchSpace space, Goal goal = Goal::kMaximize) {
  SweepSpec spec = loop_spec(goal);
  spec.search_space = std::move(space);
  spec.limits.max_total_trials = 20;
  return spec;
}

/// Three trials with these values: two end, one runs.
SweepHistory history_of(Goal goal = Goal::kMaximize) {
  SweepSpec spec = spec_of(SearchSpace().add("lr", uniform(0, 1)).add("width", choice({16, 32, 64})), goal);
  spec.display_name = "first";
  const Configurations configurations(spec.search_space, {{{"lr", 0.1}, {"width", 16}},
                                                          {{"lr", 0.2}, {"width", 64}},
                                                          {{"lr", 0.3}, {"width", 32}}});
  FakeExecutor executor({{1, 3, 2}, {2, kNan}, {4, 5}});
  SweepHistory history;
  SweepObserver* const observers[] = {&history};
  run_sweep(spec, configurations, executor, host_backend(), Context(), observers);
  return history;
}

TEST(SweepHistory, RemembersWhatEachTrialCameTo) {
  const SweepHistory history = history_of();
  ASSERT_EQ(history.trials().size(), 3u);
  const SweepHistory::Trial& first = history.trials().at(0);
  EXPECT_EQ(first.configuration.number("lr"), 0.1);
  EXPECT_EQ(first.reports, (std::vector<double>{1, 3, 2}));
  EXPECT_EQ(first.best, 3);
  EXPECT_EQ(first.end->state, TrialState::kFinished);
  EXPECT_EQ(history.trials().at(1).best, 2);
  EXPECT_EQ(history.trials().at(1).end->state, TrialState::kDiverged);
  EXPECT_EQ(history_of(Goal::kMinimize).trials().at(0).best, 1);
}

TEST(SweepHistory, GivesTheNextSweepWhatItsSpaceHas) {
  SweepSpec next = spec_of(SearchSpace().add("width", choice({32, 64, 128})).add("lr", uniform(0, 0.5)));
  next.sampling.algorithm = SamplingAlgorithm::kBayesian;
  next.early_termination.kind = PolicyKind::kMedianStopping;
  const WarmStart known = history_of().warm_start(next, 3);
  ASSERT_EQ(known.trials.size(), 3u);
  EXPECT_TRUE(known.trials[0].draws.empty());  // its curve counts all the same
  EXPECT_EQ(known.trials[0].reports, (std::vector<double>{1, 3, 2}));
  EXPECT_EQ(known.trials[1].draws, (std::vector<double>{1, 0.2}));
  EXPECT_EQ(known.trials[1].state, TrialState::kDiverged);
  EXPECT_EQ(known.trials[2].draws, (std::vector<double>{0, 0.3}));
  EXPECT_EQ(known.trials[2].value, 5);
  EXPECT_EQ(known.trials[2].state, TrialState::kStopped);  // it trained less than the new ones will
  ASSERT_EQ(known.notes.size(), 1u);
  EXPECT_EQ(known.notes[0],
            "Warm start from first: 3 trials, 2 of them as observations, 3 curves for median_stopping; 1 trained fewer than 3 "
            "intervals, and count like trials that were stopped then; left out of the observations: 1 trial with width 16, "
            "which is not in the new space: 0");
}

TEST(SweepHistory, SaysWhyNothingCanBeTaken) {
  SweepSpec next = spec_of(SearchSpace().add("depth", int_range(1, 4)));
  next.sampling.algorithm = SamplingAlgorithm::kBayesian;
  EXPECT_EQ(message_of<InputError>([&] { history_of().warm_start(next); }),
            "first: warm start: none of its 3 trials says anything here (3 trials without depth, which is new in the space: 0, "
            "1, 2); leave it out, or name a sweep whose hyperparameters are this one's");
  EXPECT_EQ(message_of<InputError>([&] { history_of(Goal::kMinimize).warm_start(next); }),
            "first: warm start: its goal is to minimize metric, and this sweep's is to maximize it; leave it out, or correct "
            "objective.goal");
  next.sampling.algorithm = SamplingAlgorithm::kRandom;
  EXPECT_EQ(history_of().warm_start(next).notes[0].substr(0, 46), "Warning: warm start changes nothing here: this");
}

TEST(SweepHistory, KnowsWhereWeightsWereTakenOver) {
  SweepSpec spec = spec_of(SearchSpace().add("lr", uniform(0, 1)));
  SweepHistory history;
  const Configurations configurations(spec.search_space, {{{"lr", 0.1}}, {{"lr", 0.2}}});
  history.on_start(spec, configurations);
  IntervalReport report;
  report.started = {0, 1};
  report.metrics = {{0, 1, 5}, {1, 1, 9}};
  report.exploits = {{0, 1, 1, {0.25}, 5, 9, ""}};
  history.on_interval(report);
  EXPECT_EQ(history.trials().at(0).configuration.number("lr"), 0.1);
  report = {};
  report.metrics = {{0, 2, 8}, {1, 2, 7}};
  history.on_interval(report);
  EXPECT_EQ(history.trials().at(0).configuration.number("lr"), 0.25);
  EXPECT_EQ(history.trials().at(0).n_exploits_before_best, 1);
  EXPECT_EQ(history.trials().at(1).n_exploits_before_best, 0);
  spec.sampling.algorithm = SamplingAlgorithm::kBayesian;
  const WarmStart known = history.warm_start(spec);  // of a sweep that still runs
  EXPECT_TRUE(known.trials[0].draws.empty());
  EXPECT_EQ(known.trials[1].draws, std::vector<double>{0.2});
}

TEST(SweepHistory, LetsAStudyCompareWithTheLastOne) {
  SweepSpec spec = spec_of(SearchSpace().add("x", uniform(0, 1)));
  spec.early_termination.kind = PolicyKind::kMedianStopping;
  SweepHistory history;
  Study first(spec, {.observers = {&history}});
  while (const auto trial = first.ask()) {
    for (int i = 0; i < 3; ++i) {
      if (first.report(trial->id(), 1 + trial->number("x"))) break;
    }
    first.finish(trial->id());
  }
  first.end();
  Study second(spec, {.earlier = history.warm_start(spec).trials});
  EXPECT_TRUE(second.report(second.ask()->id(), 1));  // alone, it would not be judged
  EXPECT_FALSE(second.report(second.ask()->id(), 2));
}

}  // namespace
}  // namespace lockstep
