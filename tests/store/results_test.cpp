#include "store/results.h"

#include <cmath>

#include <gtest/gtest.h>

#include <lockstep/error.h>

#include "core/message.h"
#include "store/recorded_sweep.h"
#include "store/sqlite.h"
#include "store/temporary_folder.h"

namespace lockstep {
namespace {

TEST(Results, ReadBackWhatTheLoopReported) {
  const TemporaryFolder folder;
  const SweepResult result = record_five(folder / "out");
  const SweepRecord record = load_results(folder / "out");
  EXPECT_EQ(record.display_name, "digits");
  EXPECT_EQ(record.spec_file, "sweeps/digits.yml");
  EXPECT_EQ(record.spec_text, "type: sweep\n");
  EXPECT_EQ(record.primary_metric, "accuracy");
  EXPECT_EQ(record.goal, Goal::kMaximize);
  EXPECT_EQ(record.seed, 7u);
  EXPECT_EQ(record.device, "cpu");
  EXPECT_EQ(record.torch_version, "2.15.0");
  EXPECT_EQ(record.notes, std::vector<std::string>{"one cohort"});
  EXPECT_EQ(record.end, RecordedEnd::kCompleted);
  EXPECT_EQ(record.n_trials, 5);
  EXPECT_EQ(record.trial_intervals, result.progress.trial_intervals);
  EXPECT_EQ(record.trial_intervals_full, result.progress.trial_intervals_full);
  EXPECT_EQ(record.savings(), result.savings());
  EXPECT_EQ(record.test_value, result.test_metric);

  ASSERT_EQ(record.trials.size(), 5u);
  const std::vector<TrialState> states = {TrialState::kFinished, TrialState::kStopped, TrialState::kDiverged,
                                          TrialState::kDiverged, TrialState::kFinished};
  const std::vector<std::optional<double>> values = {0.7, 0.3, 0.6, std::nullopt, 0.7};
  const std::vector<int64_t> best_intervals = {2, 1, 1, 0, 3};
  const std::vector<int64_t> n_intervals = {3, 2, 3, 1, 3};
  for (size_t i = 0; i < 5; ++i) {
    const TrialRecord& trial = record.trials[i];
    EXPECT_EQ(trial.number, static_cast<int64_t>(i));
    EXPECT_EQ(trial.state, states[i]) << i;
    EXPECT_EQ(trial.value, values[i]) << i;
    EXPECT_EQ(trial.best_interval, best_intervals[i]) << i;
    EXPECT_EQ(trial.n_intervals, n_intervals[i]) << i;
    EXPECT_GE(trial.complete.value(), trial.start) << i;
  }
  EXPECT_EQ(record.count(TrialState::kDiverged), 2);
  expect_start(record.trials[1].reason, "median_stopping at interval 2: best 0.3 is below");
  EXPECT_EQ(record.trials[2].reason, "diverged at interval 3: the metric is nan");
}

TEST(Results, HyperparametersKeepTheirKinds) {
  const TemporaryFolder folder;
  record_five(folder / "out");
  const SweepRecord record = load_results(folder / "out");
  const Configurations configurations = mixed_configurations(5);
  for (int64_t trial = 0; trial < 5; ++trial) {
    for (int64_t column = 0; column < 4; ++column) {
      EXPECT_EQ(record.trials[static_cast<size_t>(trial)].hyperparameters[static_cast<size_t>(column)],
                configurations.value(trial, column));
    }
  }
  EXPECT_TRUE(record.trials[0].hyperparameters[2].is_list());
  EXPECT_TRUE(record.trials[0].hyperparameters[3].is_integer());
}

TEST(Results, RankingTakesTiesByNumberAndLeavesOutTrialsWithoutValue) {
  const TemporaryFolder folder;
  record_five(folder / "out");
  const SweepRecord record = load_results(folder / "out");
  std::vector<int64_t> numbers;
  for (const TrialRecord* trial : record.ranking(10)) numbers.push_back(trial->number);
  EXPECT_EQ(numbers, (std::vector<int64_t>{0, 4, 2, 1}));
  EXPECT_EQ(record.ranking(2).size(), 2u);
  EXPECT_EQ(record.best()->number, 0);
}

TEST(Results, BestOfAMinimisedMetricIsTheLowest) {
  const TemporaryFolder folder;
  Journal journal(folder / "out", test_info());
  record_sweep(journal, {{0.5, 0.4, 0.6}, {0.3, 0.2, 0.2}}, test_spec(Goal::kMinimize));
  journal.close();
  const SweepRecord record = load_results(folder / "out");
  EXPECT_EQ(record.goal, Goal::kMinimize);
  EXPECT_EQ(record.best()->number, 1);
  EXPECT_EQ(record.best()->value, 0.2);
  EXPECT_EQ(record.best()->best_interval, 2);
  EXPECT_EQ(record.trials[0].value, 0.4);
}

TEST(Results, OfASweepWithoutFiniteMetricsHaveNoBest) {
  const TemporaryFolder folder;
  Journal journal(folder / "out", test_info());
  record_sweep(journal, {{kNan}, {-kInfinity}}, test_spec());
  journal.close();
  const SweepRecord record = load_results(folder / "out");
  EXPECT_EQ(record.best(), nullptr);
  EXPECT_EQ(record.count(TrialState::kDiverged), 2);
}

TEST(Results, SayWhatIsWrongWithTheFolder) {
  const TemporaryFolder folder;
  const auto refusal = [](const std::string& path) { return message_of<OutputError>([&] { load_results(path); }); };
  const std::string cure = "; name a folder that `lockstep run` wrote, such as the one given to --output";
  EXPECT_EQ(refusal(folder / "missing"), folder / "missing" + ": no such folder" + cure);
  EXPECT_EQ(refusal(folder.path()), folder.path() + ": it holds no sweep.db" + cure);
  write_text(folder / "file", "x");
  EXPECT_EQ(refusal(folder / "file"), folder / "file" + ": it is a file, not a folder" + cure);

  write_text(folder / "sweep.db", std::string(4096, 'x'));
  expect_start(refusal(folder.path()), folder / "sweep.db" + ": file is not a database");
}

TEST(Results, RefuseAnotherProgramsDatabase) {
  const TemporaryFolder folder;
  Database(folder / "sweep.db", Database::Mode::kCreate).execute("CREATE TABLE trials (x)");
  expect_start(message_of<OutputError>([&] { load_results(folder.path()); }),
               folder / "sweep.db" + ": it is not a Lockstep database; name a folder that ");
}

TEST(Results, RefuseALaterLayout) {
  const TemporaryFolder folder;
  record_five(folder / "out");
  Database(folder / "out/sweep.db", Database::Mode::kCreate)
      .execute("UPDATE lockstep_sweep SET layout_version = 99, lockstep_version = '9.0'");
  expect_start(message_of<OutputError>([&] { load_results(folder / "out"); }),
               folder / "out/sweep.db" + ": it was written by Lockstep 9.0");
}

TEST(Results, SayThatARunNeverBegan) {
  const TemporaryFolder folder;
  { Journal journal(folder / "out", test_info()); }
  expect_start(message_of<OutputError>([&] { load_results(folder / "out"); }),
               folder / "out/sweep.db" + ": it holds no sweep: the run was killed before it began");
}

}  // namespace
}  // namespace lockstep
