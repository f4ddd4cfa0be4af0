#include "store/journal.h"

#include <filesystem>

#include <gtest/gtest.h>

#include <lockstep/error.h>

#include "core/message.h"
#include "store/recorded_sweep.h"
#include "store/results.h"
#include "store/sqlite.h"
#include "store/temporary_folder.h"

namespace lockstep {
namespace {

/// All rows of a query, fields joined by '|' ("" for NULL).
std::vector<std::string> rows(const std::string& directory, const std::string& sql, int n_columns) {
  Database database(directory + "/sweep.db", Database::Mode::kRead);
  Statement query(database, sql.c_str());
  std::vector<std::string> result;
  while (query.step()) {
    std::string row;
    for (int column = 0; column < n_columns; ++column) row += (column ? "|" : "") + query.text(column);
    result.push_back(row);
  }
  return result;
}

using Rows = std::vector<std::string>;

TEST(Journal, HasTheTablesThatOptunaAsksFor) {
  const TemporaryFolder folder;
  record_five(folder / "out");
  EXPECT_EQ(rows(folder / "out", "SELECT * FROM version_info", 3), Rows{"1|12|4.5.0"});
  EXPECT_EQ(rows(folder / "out", "SELECT * FROM alembic_version", 1), Rows{"v3.2.0.a"});
  EXPECT_EQ(rows(folder / "out", "SELECT * FROM studies", 2), Rows{"1|digits"});
  EXPECT_EQ(rows(folder / "out", "SELECT direction, study_id, objective FROM study_directions", 3),
            Rows{"MAXIMIZE|1|0"});
  EXPECT_EQ(rows(folder / "out", "SELECT \"key\", value_json FROM study_system_attributes", 2),
            Rows{"study:metric_names|[\"accuracy\"]"});
  // Tables that Optuna reads for every trial, though we write nothing to them.
  for (const char* table : {"trial_user_attributes", "trial_system_attributes", "trial_heartbeats"}) {
    EXPECT_EQ(rows(folder / "out", std::string("SELECT count(*) FROM ") + table, 1), Rows{"0"}) << table;
  }
}

TEST(Journal, WritesTrialsInOptunasStates) {
  const TemporaryFolder folder;
  record_five(folder / "out");
  EXPECT_EQ(rows(folder / "out", "SELECT trial_id, number, study_id, state FROM trials", 4),
            (Rows{"1|0|1|COMPLETE", "2|1|1|PRUNED", "3|2|1|FAIL", "4|3|1|FAIL", "5|4|1|COMPLETE"}));
  EXPECT_EQ(rows(folder / "out", "SELECT count(*) FROM trials WHERE datetime_start <= datetime_complete", 1),
            Rows{"5"});
}

TEST(Journal, WritesValuesOfTrialsThatHaveOneAlone) {
  const TemporaryFolder folder;
  record_five(folder / "out");
  // A failed trial with a value, or a value that is not a number, breaks Optuna's reader.
  EXPECT_EQ(
      rows(folder / "out", "SELECT trial_id, objective, value, value_type FROM trial_values ORDER BY trial_id", 4),
      (Rows{"1|0|0.7|FINITE", "2|0|0.3|FINITE", "5|0|0.7|FINITE"}));
}

TEST(Journal, WritesTheLowestAsValueWhenMinimising) {
  const TemporaryFolder folder;
  Journal journal(folder / "out", test_info());
  record_sweep(journal, {{0.5, 0.4, 0.6}}, test_spec(Goal::kMinimize));
  journal.close();
  EXPECT_EQ(rows(folder / "out", "SELECT value FROM trial_values", 1), Rows{"0.4"});
  EXPECT_EQ(rows(folder / "out", "SELECT direction FROM study_directions", 1), Rows{"MINIMIZE"});
}

TEST(Journal, WritesMetricsThatAreNotFiniteByType) {
  const TemporaryFolder folder;
  Journal journal(folder / "out", test_info());
  record_sweep(journal, {{0.5}, {kNan}, {kInfinity}, {-kInfinity}}, test_spec());
  journal.close();
  EXPECT_EQ(rows(folder / "out",
                 "SELECT trial_id, step, intermediate_value, intermediate_value_type "
                 "FROM trial_intermediate_values",
                 4),
            (Rows{"1|1|0.5|FINITE", "2|1||NAN", "3|1||INF_POS", "4|1||INF_NEG"}));
}

TEST(Journal, WritesAChoiceByItsIndex) {
  const TemporaryFolder folder;
  record_five(folder / "out");
  EXPECT_EQ(rows(folder / "out",
                 "SELECT param_name, param_value, distribution_json FROM trial_params "
                 "WHERE trial_id = 2 AND param_name IN ('hidden', 'lr') ORDER BY param_id",
                 2),
            (Rows{"lr|0.002", "hidden|1.0"}));
  EXPECT_EQ(rows(folder / "out", "SELECT DISTINCT distribution_json FROM trial_params WHERE param_name = 'hidden'", 1),
            Rows{R"({"name":"CategoricalDistribution","attributes":{"choices":["[64, 32]","[16]"]}})"});
}

TEST(Journal, WritesTheReasonOfEveryEnd) {
  const TemporaryFolder folder;
  record_five(folder / "out");
  EXPECT_EQ(rows(folder / "out",
                 "SELECT trial_id, interval, decision, threshold IS NULL FROM lockstep_events "
                 "ORDER BY trial_id",
                 4),
            (Rows{"1|3|finished|1", "2|2|stopped|0", "3|3|diverged|1", "4|1|diverged|1", "5|3|finished|1"}));
  EXPECT_EQ(rows(folder / "out", "SELECT reason FROM lockstep_events WHERE trial_id = 1", 1),
            Rows{"finished: trained all 3 intervals"});
}

TEST(Journal, KeepsTheSeedsLastBit) {
  const TemporaryFolder folder;
  RunInfo info = test_info();
  info.seed = 9'007'199'254'740'993;  // 2^53 + 1: no double
  Journal journal(folder / "out", info);
  record_sweep(journal, {{0.5}}, test_spec());
  journal.close();
  EXPECT_EQ(load_results(folder / "out").seed, info.seed);
}

TEST(Journal, RefusesAFolderThatHoldsASweep) {
  const TemporaryFolder folder;
  record_five(folder / "out");
  const std::string message = message_of<OutputError>([&] { Journal journal(folder / "out", test_info()); });
  expect_start(message, folder / "out" + " holds the results of a sweep already");
  EXPECT_EQ(load_results(folder / "out").trials.size(), 5u);
}

TEST(Journal, ReplacesASweepWhenAskedTo) {
  const TemporaryFolder folder;
  record_five(folder / "out");
  Journal journal(folder / "out", test_info(), JournalMode::kOverwrite);
  record_sweep(journal, {{0.5}}, test_spec());
  journal.close();
  EXPECT_EQ(load_results(folder / "out").trials.size(), 1u);
}

TEST(Journal, LeavesOneFileThatCanBeCopied) {
  const TemporaryFolder folder;
  record_five(folder / "out");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / "out"), {}), 1);
}

TEST(Journal, OfAnAbandonedSweepSaysWhyAndEndsItsTrials) {
  const TemporaryFolder folder;
  Journal journal(folder / "out", test_info());
  FakeExecutor executor({{0.5, 0.6, 0.7}, {0.4, 0.5, 0.6}});
  executor.before_interval = [](int64_t tick) {
    if (tick == 3) throw std::runtime_error("the data is gone");
  };
  const std::vector<SweepObserver*> observers = {&journal};
  try {
    run_sweep(test_spec(), mixed_configurations(2), executor, host_backend(), Context{}, observers);
    FAIL() << "the executor's failure is lost";
  } catch (const std::runtime_error& failure) {
    journal.abandon(failure.what());
  }
  const SweepRecord record = load_results(folder / "out");
  EXPECT_EQ(record.end, RecordedEnd::kFailed);
  EXPECT_EQ(record.failure, "the data is gone");
  ASSERT_EQ(record.trials.size(), 2u);
  for (const TrialRecord& trial : record.trials) {
    EXPECT_EQ(trial.state, TrialState::kAborted);
    EXPECT_EQ(trial.n_intervals, 2);
  }
  EXPECT_EQ(record.best()->value, 0.6);
}

}  // namespace
}  // namespace lockstep
