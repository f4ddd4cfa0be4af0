// Learning curves out of Optuna's tables: of a sweep's journal, and written with plain SQL as Optuna does.

#include "store/optuna_curves.h"

#include <cmath>

#include <gtest/gtest.h>

#include <lockstep/error.h>

#include "core/message.h"
#include "store/optuna_study.h"
#include "store/recorded_sweep.h"
#include "store/sqlite.h"
#include "store/temporary_folder.h"

namespace lockstep {
namespace {

using Names = std::vector<std::string>;

/// Two studies. The second counts its steps from 0, has one trial that reported nothing, one that ended by NaN, and a
/// trial_id that is not the number.
constexpr const char* kTwoStudies = R"sql(
CREATE TABLE studies (study_id INTEGER PRIMARY KEY, study_name VARCHAR(512));
CREATE TABLE study_directions (study_direction_id INTEGER PRIMARY KEY, direction VARCHAR(8), study_id INTEGER, objective INTEGER);
CREATE TABLE trials (trial_id INTEGER PRIMARY KEY, number INTEGER, study_id INTEGER, state VARCHAR(8));
CREATE TABLE trial_intermediate_values (trial_intermediate_value_id INTEGER PRIMARY KEY, trial_id INTEGER, step INTEGER,
  intermediate_value FLOAT, intermediate_value_type VARCHAR(7) NOT NULL);
INSERT INTO studies VALUES (1, 'first'), (2, 'second');
INSERT INTO study_directions VALUES (1, 'MAXIMIZE', 1, 0), (2, 'MINIMIZE', 2, 0);
INSERT INTO trials VALUES (1, 0, 1, 'COMPLETE'), (2, 0, 2, 'COMPLETE'), (3, 1, 2, 'RUNNING'), (4, 2, 2, 'FAIL');
INSERT INTO trial_intermediate_values VALUES (1, 1, 1, 9.0, 'FINITE'), (2, 2, 1, 0.25, 'FINITE'), (3, 2, 0, 0.5, 'FINITE'),
  (4, 4, 0, NULL, 'INF_NEG'), (5, 4, 1, NULL, 'NAN');
)sql";

std::string make_database(const TemporaryFolder& folder, const char* more = "") {
  const std::string path = folder / "optuna.db";
  Database database(path, Database::Mode::kCreate);
  database.execute(kTwoStudies);
  database.execute(more);
  return path;
}

std::string refusal(const std::string& path, const std::string& study = "") {
  return message_of<DataError>([&] { load_optuna_curves(path, study); });
}

TEST(OptunaCurves, ReadsASweepsJournal) {
  const TemporaryFolder folder;
  record_five(folder / "out", Goal::kMaximize);
  const OptunaCurves read = load_optuna_curves(folder / "out/sweep.db");
  EXPECT_EQ(read.study, "digits");
  EXPECT_EQ(read.goal, Goal::kMaximize);
  EXPECT_EQ(read.n_without_curve, 0);
  EXPECT_EQ(read.curves.names, (Names{"0", "1", "2", "3", "4"}));
  EXPECT_FALSE(read.curves.counts_from_zero);
  const auto& curves = read.curves.curves;
  EXPECT_EQ(curves[0], (Curve{0.5, 0.7, 0.6}));
  EXPECT_EQ(curves[1], (Curve{0.3, 0.2})) << "what the policy did not let it train is not there";
  ASSERT_EQ(curves[2].size(), 3u);
  EXPECT_TRUE(std::isnan(curves[2][2]));
  EXPECT_EQ(curves[3], (Curve{kInfinity}));
}

TEST(OptunaCurves, ReadsTheStudyThatIsNamed) {
  const TemporaryFolder folder;
  const std::string path = make_database(folder);
  const OptunaCurves read = load_optuna_curves(path, "second");
  EXPECT_EQ(read.study, "second");
  EXPECT_EQ(read.goal, Goal::kMinimize);
  EXPECT_EQ(read.n_without_curve, 1);
  EXPECT_TRUE(read.curves.counts_from_zero);
  EXPECT_EQ(read.curves.names, (Names{"0", "2"}));
  EXPECT_EQ(read.curves.curves[0], (Curve{0.5, 0.25}));
  EXPECT_EQ(read.curves.curves[1][0], -kInfinity);
  EXPECT_TRUE(std::isnan(read.curves.curves[1][1]));
  EXPECT_EQ(load_optuna_curves(path, "first").curves.curves, Curves{Curve{9}});
}

TEST(OptunaCurves, SeveralObjectivesHaveNoGoal) {
  const TemporaryFolder folder;
  const std::string path = make_database(folder, "INSERT INTO study_directions VALUES (3, 'MINIMIZE', 1, 1)");
  EXPECT_EQ(load_optuna_curves(path, "first").goal, std::nullopt);
}

TEST(OptunaCurves, RefusalsNameTheCure) {
  const TemporaryFolder folder;
  const std::string path = make_database(folder);
  EXPECT_TRUE(is_sqlite_file(path));
  expect_start(refusal(path), path + ": it holds several studies; choose with --study from 'first', 'second'");
  expect_start(refusal(path, "third"), path + ": there is no study 'third'; choose with --study from 'first', 'second'");
  expect_start(refusal(folder / "nothere.db"), folder / "nothere.db: it is no SQLite database; ");
  write_text(folder / "text.db", "trial,interval,value\n");
  EXPECT_FALSE(is_sqlite_file(folder / "text.db"));
  expect_start(refusal(folder / "text.db"), folder / "text.db: it is no SQLite database; ");
}

TEST(OptunaCurves, RefusesOtherTables) {
  const TemporaryFolder folder;
  const std::string other = folder / "other.db";
  Database(other, Database::Mode::kCreate).execute("CREATE TABLE studies (study_id INTEGER)");
  expect_start(refusal(other), other + ": it does not hold Optuna's tables; ");
  const std::string old = make_database(folder, "ALTER TABLE trial_intermediate_values DROP COLUMN intermediate_value_type");
  expect_start(refusal(old, "first"), old + ": its tables are of an Optuna before version 3; ");
}

TEST(OptunaCurves, RefusesCurvesThatAreNone) {
  const TemporaryFolder folder;
  const std::string path = make_database(folder, "UPDATE trial_intermediate_values SET step = 10 WHERE trial_id = 1");
  expect_start(refusal(path, "first"), path + ": study 'first': trial 0 has no interval 1 before its interval 10; ");
  const TemporaryFolder empty_folder;
  const std::string empty = make_database(empty_folder, "DELETE FROM trial_intermediate_values");
  expect_start(refusal(empty, "first"), empty + ": study 'first': no learning curve is recorded; ");
}

TEST(OptunaCurves, RefusesADamagedFile) {
  const TemporaryFolder folder;
  const std::string path = make_database(folder);
  write_text(path, read_text(path).substr(0, 2000));
  expect_start(refusal(path, "first"), path + ": ");
}

}  // namespace
}  // namespace lockstep
