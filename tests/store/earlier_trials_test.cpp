// What a new sweep takes of earlier ones: which configurations and curves, and what is said of the others.

#include "store/earlier_trials.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include <lockstep/error.h>

#include "core/message.h"
#include "store/imported_sweep.h"
#include "store/recorded_sweep.h"
#include "store/sqlite.h"
#include "store/temporary_folder.h"

namespace lockstep {
namespace {

using std::nullopt;

SweepSpec bayesian_spec(SearchSpace space, PolicyKind policy = PolicyKind::kNone) {
  SweepSpec spec;
  spec.search_space = std::move(space);
  spec.sampling.algorithm = SamplingAlgorithm::kBayesian;
  spec.objective = {Goal::kMaximize, "accuracy", {}};
  spec.early_termination.kind = policy;
  return spec;
}

/// An earlier sweep with trials of these values, each of which reported 0.1, 0.2, ... for three intervals.
EarlierSweep earlier_sweep(SearchSpace space, const std::vector<std::vector<Value>>& values) {
  EarlierSweep out;
  out.record.directory = "old";
  out.record.goal = Goal::kMaximize;
  out.record.primary_metric = "accuracy";
  out.record.search_space = std::move(space);
  out.record.spec_text = "trial: {model: mlp}\n";  // not a whole file: without constants
  out.record.end = RecordedEnd::kCompleted;
  for (size_t i = 0; i < values.size(); ++i) {
    TrialRecord trial;
    trial.number = static_cast<int64_t>(i);
    trial.state = TrialState::kFinished;
    trial.n_intervals = 3;
    trial.value = 0.3 + 0.001 * static_cast<double>(i);
    trial.hyperparameters = values[i];
    out.reports[trial.number] = {0.1, 0.2, *trial.value};
    out.record.trials.push_back(std::move(trial));
  }
  return out;
}

SearchSpace lr_and_width(std::vector<Value> widths = {32, 64, 512}) {
  return SearchSpace().add("lr", loguniform(-9, -1)).add("width", choice(std::move(widths)));
}

TEST(EarlierTrials, AreTakenByNameAndValue) {
  const EarlierSweep sweep = earlier_sweep(lr_and_width(), {{0.01, 64}, {0.02, 512}, {0.03, 32}});
  // Another order of the columns, and of the values.
  const SearchSpace space = SearchSpace().add("width", choice({64, 32})).add("lr", uniform(0, 1));
  const WarmStart got = match_earlier_trials({sweep}, bayesian_spec(space, PolicyKind::kMedianStopping), 3);
  ASSERT_EQ(got.trials.size(), 3u);
  EXPECT_EQ(got.trials[0].draws, (std::vector<double>{0, 0.01}));
  EXPECT_TRUE(got.trials[1].draws.empty());
  EXPECT_EQ(got.trials[1].reports, (std::vector<double>{0.1, 0.2, 0.301}));
  EXPECT_EQ(got.trials[2].draws, (std::vector<double>{1, 0.03}));
  EXPECT_EQ(got.trials[2].value, 0.302);
  EXPECT_EQ(got.trials[2].state, TrialState::kFinished);
  EXPECT_EQ(got.notes,
            std::vector<std::string>{"Warm start from old: 3 trials, 2 of them as observations, 3 curves for median_stopping; "
                                     "left out of the observations: 1 trial with width 512, which is not in the new space: 1"});
}

TEST(EarlierTrials, NamesTheFirstOfThoseThatAreLeftOut) {
  std::vector<std::vector<Value>> values(14, {0.5, 64});
  values[3] = {0.01, 64};
  const EarlierSweep sweep = earlier_sweep(lr_and_width(), values);
  const SearchSpace space = SearchSpace().add("lr", uniform(0, 0.1)).add("width", choice({64}));
  const WarmStart got = match_earlier_trials({sweep}, bayesian_spec(space), 3);
  EXPECT_EQ(got.notes, std::vector<std::string>{"Warm start from old: 14 trials, 1 of them as observations; left out: 13 trials "
                                                "with lr outside of its range now: 0, 1, 2, 4, 5, 6, 7, 8, 9, 10 and 3 more"});
}

TEST(EarlierTrials, OfASpaceWithoutANewHyperparameterGiveTheirCurvesAlone) {
  const EarlierSweep sweep = earlier_sweep(lr_and_width(), {{0.01, 64}, {0.02, 32}});
  const SearchSpace space = lr_and_width().add("dropout", uniform(0, 1));
  const WarmStart got = match_earlier_trials({sweep}, bayesian_spec(space, PolicyKind::kBandit), 3);
  ASSERT_EQ(got.trials.size(), 2u);
  EXPECT_TRUE(got.trials[0].draws.empty());
  EXPECT_EQ(got.trials[0].reports.size(), 3u);
  EXPECT_NE(got.notes[0].find("2 trials without dropout, which is new in the space: 0, 1"), std::string::npos) << got.notes[0];
  // There is nothing to search in one value.
  const SearchSpace constant = lr_and_width().add("layers", int_range(3, 3));
  EXPECT_EQ(match_earlier_trials({sweep}, bayesian_spec(constant), 3).trials[1].draws, (std::vector<double>{0.02, 0, 3}));
  // Without a policy nothing of it is of use.
  expect_start(message_of<InputError>([&] { match_earlier_trials({sweep}, bayesian_spec(space), 3); }),
               "old: --warm-start: none of its 2 trials says anything here (2 trials without dropout, which is new in the space: 0, "
               "1); leave it out, or name a sweep whose hyperparameters are this one's");
}

TEST(EarlierTrials, CountNearWhatANowFixedHyperparameterIsSetTo) {
  const EarlierSweep sweep =
      earlier_sweep(lr_and_width(), {{1e-4, 64}, {1e-3, 64}, {1.2e-3, 32}, {1e-2, 64}, {1e-1, 64}});
  SweepSpec spec = bayesian_spec(SearchSpace().add("width", choice({32, 64, 512})));
  spec.trial["lr"] = {0.001, {}};
  WarmStart got = match_earlier_trials({sweep}, spec, 3);
  ASSERT_EQ(got.trials.size(), 5u);
  EXPECT_EQ(got.trials[1].draws, std::vector<double>{1});
  EXPECT_EQ(got.trials[2].draws, std::vector<double>{0});
  EXPECT_NE(got.notes[0].find("3 trials with lr far from 0.001, which it is now: 0, 3, 4"), std::string::npos) << got.notes[0];

  spec = bayesian_spec(SearchSpace().add("lr", loguniform(-10, -1)));
  spec.trial["width"] = {64, {}};
  got = match_earlier_trials({sweep}, spec, 3);
  EXPECT_EQ(got.trials[0].draws, std::vector<double>{1e-4});
  EXPECT_TRUE(got.trials[2].draws.empty());
  EXPECT_NE(got.notes[0].find("1 trial with width 32, which is 64 now: 2"), std::string::npos) << got.notes[0];

  // Nobody says what it is now.
  spec.trial.clear();
  got = match_earlier_trials({sweep}, spec, 3);
  EXPECT_EQ(got.trials[2].draws, std::vector<double>{1.2e-3});
  EXPECT_NE(got.notes[0].find("; it searched width too, whose effect counts as noise"), std::string::npos) << got.notes[0];
}

constexpr const char* kFile = R"(type: sweep
trial: {model: mlp, dataset: digits, epochs: 10, depth: 2}
search_space: {lr: {type: loguniform, min_value: -9, max_value: -1}}
objective: {goal: maximize, primary_metric: accuracy}
limits: {max_total_trials: 4}
)";

TEST(EarlierTrials, HaveWhatTheirFileSetsWhereTheNewSweepSearchesIt) {
  EarlierSweep sweep = earlier_sweep(SearchSpace().add("lr", loguniform(-9, -1)), {{0.01}, {0.02}});
  sweep.record.spec_text = kFile;
  SweepSpec spec = bayesian_spec(SearchSpace().add("depth", int_range(1, 4)).add("lr", loguniform(-9, -1)));
  spec.trial["dataset"] = {"letter", {}};
  spec.trial["epochs"] = {10, {}};
  const WarmStart got = match_earlier_trials({sweep}, spec, 3);
  EXPECT_EQ(got.trials[1].draws, (std::vector<double>{2, 0.02}));
  EXPECT_NE(got.notes[0].find("; its trials were trained with dataset digits (now letter)"), std::string::npos) << got.notes[0];
  EXPECT_EQ(got.notes[0].find("epochs"), std::string::npos) << got.notes[0];
}

TEST(EarlierTrials, CountAtTheNewSweepsAge) {
  EarlierSweep sweep = earlier_sweep(lr_and_width(), {{0.01, 64}, {0.02, 64}, {0.03, 64}, {0.04, 64}});
  sweep.record.trials[1].state = TrialState::kDiverged;
  sweep.reports[1] = {0.5, 0.4, kNan};
  sweep.record.trials[2].state = TrialState::kStopped;
  sweep.record.trials[2].n_intervals = 1;
  const SweepSpec spec = bayesian_spec(lr_and_width(), PolicyKind::kAsha);

  const WarmStart shorter = match_earlier_trials({sweep}, spec, 2);
  EXPECT_EQ(shorter.trials[0].reports, (std::vector<double>{0.1, 0.2}));
  EXPECT_EQ(shorter.trials[0].value, 0.2);
  EXPECT_EQ(shorter.trials[1].value, 0.5);
  EXPECT_EQ(shorter.trials[1].state, TrialState::kFinished);
  EXPECT_EQ(shorter.trials[2].state, TrialState::kStopped);
  EXPECT_NE(shorter.notes[0].find("; 3 trained longer, and count as after interval 2"), std::string::npos) << shorter.notes[0];

  const WarmStart longer = match_earlier_trials({sweep}, spec, 9);
  EXPECT_EQ(longer.trials[0].state, TrialState::kStopped);
  EXPECT_EQ(longer.trials[0].value, 0.3);
  EXPECT_EQ(longer.trials[1].state, TrialState::kDiverged);
  EXPECT_NE(longer.notes[0].find("; 2 trained fewer than 9 intervals"), std::string::npos) << longer.notes[0];

  const WarmStart unknown = match_earlier_trials({sweep}, spec, nullopt);
  EXPECT_EQ(unknown.trials[0].state, TrialState::kFinished);
  EXPECT_EQ(unknown.trials[0].reports.size(), 3u);
}

TEST(EarlierTrials, OfASweepThatHasNotEndedAreThoseThatHaveReported) {
  EarlierSweep sweep = earlier_sweep(lr_and_width(), {{0.01, 64}, {0.02, 64}, {0.03, 64}});
  sweep.record.end = RecordedEnd::kNone;
  sweep.record.trials[1].state = TrialState::kRunning;
  sweep.record.trials[1].n_intervals = 2;  // reported its third after the trials were read
  sweep.record.trials[2].state = TrialState::kAborted;
  sweep.record.trials[2].n_intervals = 0;
  sweep.record.trials[2].value.reset();
  sweep.reports.erase(2);
  const WarmStart got = match_earlier_trials({sweep}, bayesian_spec(lr_and_width()), 3);
  ASSERT_EQ(got.trials.size(), 2u);
  EXPECT_EQ(got.trials[1].state, TrialState::kRunning);
  EXPECT_EQ(got.trials[1].reports.size(), 2u);
  EXPECT_EQ(got.notes[0], "Warm start from old: 3 trials so far (it has not ended), 2 of them as observations; left out: 1 trial "
                          "that had reported nothing: 2");
}

TEST(EarlierTrials, WhoseProgramFailedSayThatTheirConfigurationDoes) {
  EarlierSweep sweep = earlier_sweep(lr_and_width(), {{0.01, 64}, {0.02, 64}});
  sweep.record.trials[0].state = TrialState::kFailed;
  sweep.record.trials[0].n_intervals = 0;
  sweep.record.trials[0].value.reset();
  sweep.reports.erase(0);
  const WarmStart got = match_earlier_trials({sweep}, bayesian_spec(lr_and_width()), nullopt);
  ASSERT_EQ(got.trials.size(), 2u);
  EXPECT_EQ(got.trials[0].draws, (std::vector<double>{0.01, 1}));
  EXPECT_EQ(got.trials[0].state, TrialState::kFailed);
}

TEST(EarlierTrials, ThatTookOverWeightsAreNoObservations) {
  EarlierSweep sweep = earlier_sweep(lr_and_width(), {{0.01, 64}, {0.02, 64}});
  sweep.record.trials[0].best_interval = 3;
  sweep.record.trials[0].exploits.push_back({1, 1, {0.01, 64}, {0.01, 1}});
  sweep.record.trials[1].best_interval = 1;
  sweep.record.trials[1].exploits.push_back({2, 0, {0.01, 64}, {0.01, 1}});
  const WarmStart got = match_earlier_trials({sweep}, bayesian_spec(lr_and_width(), PolicyKind::kBandit), 3);
  EXPECT_TRUE(got.trials[0].draws.empty());
  EXPECT_EQ(got.trials[0].reports.size(), 3u);
  EXPECT_FALSE(got.trials[1].draws.empty());
}

TEST(EarlierTrials, OfAnImportWithoutCurvesHaveAValueAndNoReports) {
  EarlierSweep sweep = earlier_sweep(lr_and_width(), {{0.01, 64}, {0.02, 64}});
  sweep.record.spec_text = "";
  sweep.record.primary_metric = "value";
  for (TrialRecord& trial : sweep.record.trials) {
    trial.n_intervals = 1;
    sweep.reports[trial.number] = {*trial.value};
  }
  const WarmStart got = match_earlier_trials({sweep}, bayesian_spec(lr_and_width(), PolicyKind::kBandit), 10);
  EXPECT_TRUE(got.trials[0].reports.empty());
  EXPECT_EQ(got.trials[0].value, 0.3);
  EXPECT_EQ(got.trials[0].state, TrialState::kFinished);
  EXPECT_NE(got.notes[0].find("0 curves for bandit"), std::string::npos) << got.notes[0];
}

TEST(EarlierTrials, ChangeNothingWhereNothingLearns) {
  const EarlierSweep sweep = earlier_sweep(lr_and_width(), {{0.01, 64}});
  SweepSpec spec = bayesian_spec(lr_and_width());
  spec.sampling.algorithm = SamplingAlgorithm::kSobol;
  WarmStart got = match_earlier_trials({sweep}, spec, 3);
  EXPECT_TRUE(got.trials.empty());
  ASSERT_EQ(got.notes.size(), 1u);
  expect_start(got.notes[0], "Warning: --warm-start changes nothing here: this sampling does not learn, and there is no early ");
  spec.early_termination.kind = PolicyKind::kHyperband;
  expect_start(match_earlier_trials({sweep}, spec, 3).notes[0],
               "Warning: --warm-start changes nothing here: this sampling does not learn, and hyperband compares trials of one ");
  // A policy alone takes the curves.
  spec.early_termination.kind = PolicyKind::kTruncationSelection;
  got = match_earlier_trials({sweep}, spec, 3);
  EXPECT_TRUE(got.trials.at(0).draws.empty());
  EXPECT_EQ(got.notes[0], "Warm start from old: 1 trial, 1 curve for truncation_selection");
}

TEST(EarlierTrials, AreReadFromFoldersOfTheSameMetricAndGoal) {
  const TemporaryFolder folder;
  record_five(folder / "a");
  record_five(folder / "b");
  const SweepSpec spec = bayesian_spec(mixed_space(), PolicyKind::kMedianStopping);
  const auto sweeps = load_earlier_sweeps({folder / "a", folder / "b"}, spec);
  const WarmStart got = match_earlier_trials(sweeps, spec, 3);
  EXPECT_EQ(got.notes.size(), 2u);
  ASSERT_EQ(got.trials.size(), 10u);
  const Configurations configurations = mixed_configurations(5);
  EXPECT_EQ(got.trials[7].draws, std::vector<double>(configurations.row(2), configurations.row(2) + 4));
  EXPECT_EQ(got.trials[7].state, TrialState::kDiverged);
  EXPECT_TRUE(std::isnan(got.trials[8].reports.at(0)));  // an infinity
  EXPECT_EQ(got.trials[6].state, TrialState::kStopped);

  const auto refusal = [&](const std::vector<std::string>& directories, const SweepSpec& of) {
    return message_of<InputError>([&] { load_earlier_sweeps(directories, of); });
  };
  expect_start(refusal({folder / "a", folder / "./a/"}, spec), folder / "./a/" + ": --warm-start: is named twice");
  SweepSpec other = spec;
  other.objective.primary_metric = "loss";
  expect_start(refusal({folder / "a"}, other),
               folder / "a" + ": --warm-start: its primary metric is accuracy, and this sweep's is loss, for which its values mean ");
  other = spec;
  other.objective.goal = Goal::kMinimize;
  expect_start(refusal({folder / "a"}, other),
               folder / "a" + ": --warm-start: its goal is to maximize accuracy, and this sweep's is to minimize it; leave it out");
  expect_start(message_of<OutputError>([&] { load_earlier_sweeps({folder / "c"}, spec); }), folder / "c" + ": no such folder");
  write_text(folder / "study.csv", "x");
  expect_start(message_of<OutputError>([&] { load_earlier_sweeps({folder / "study.csv"}, spec); }),
               folder / "study.csv" + ": it is a file; read a study or a CSV of trials by `lockstep import ");
}

TEST(EarlierTrials, AreKeptWithTheSweepBitForBit) {
  const TemporaryFolder folder;
  RunInfo info = test_info();
  info.earlier = {{{0.1, 1, 0, 3}, {0.1, kNan, 1.0 / 3}, 1.0 / 3, TrialState::kStopped},
                  {{}, {-0.0, 5e-324}, nullopt, TrialState::kRunning},
                  {{0.2, 0, 1, 2}, {}, 1e300, TrialState::kFinished},
                  {{0.3, 0, 1, 2}, {kNan}, nullopt, TrialState::kDiverged}};
  Journal journal(folder / "out", info);
  record_sweep(journal, five_curves(), test_spec());
  journal.close();
  const std::vector<EarlierTrial> got = load_earlier_trials(folder / "out");
  ASSERT_EQ(got.size(), info.earlier.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].draws, info.earlier[i].draws) << i;
    EXPECT_EQ(got[i].value, info.earlier[i].value) << i;
    EXPECT_EQ(got[i].state, info.earlier[i].state) << i;
    ASSERT_EQ(got[i].reports.size(), info.earlier[i].reports.size()) << i;
    for (size_t j = 0; j < got[i].reports.size(); ++j) {
      const double a = got[i].reports[j], b = info.earlier[i].reports[j];
      EXPECT_TRUE((std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b))) << i << ", " << j;
    }
  }
}

TEST(EarlierTrials, OfALayoutBeforeThemThereAreNone) {
  const TemporaryFolder folder;
  record_five(folder / "out");
  EXPECT_TRUE(load_earlier_trials(folder / "out").empty());
  Database(folder / "out/sweep.db", Database::Mode::kCreate)
      .execute("DROP TABLE lockstep_earlier_trials; UPDATE lockstep_sweep SET layout_version = 3");
  EXPECT_TRUE(load_earlier_trials(folder / "out").empty());
  EXPECT_EQ(load_results(folder / "out").trials.size(), 5u);
}

}  // namespace
}  // namespace lockstep
