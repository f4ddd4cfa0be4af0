// Studies of Optuna as sweeps: of an export, and written with plain SQL as Optuna does.

#include "store/optuna_import.h"

#include <cmath>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <lockstep/error.h>

#include "core/message.h"
#include "store/export.h"
#include "store/imported_lines.h"
#include "store/optuna_distribution.h"
#include "store/optuna_export.h"
#include "store/recorded_sweep.h"
#include "store/results.h"
#include "store/schema.h"
#include "store/sqlite.h"
#include "store/temporary_folder.h"

namespace lockstep {
namespace {

/// A study named 'cnn', to minimize, with what `sql` adds.
std::string make_study(const TemporaryFolder& folder, const std::string& sql, const std::string& direction = "MINIMIZE") {
  const std::string path = folder / "optuna.db";
  Database database(path, Database::Mode::kCreate);
  create_optuna_tables(database);
  database.execute("INSERT INTO studies VALUES (1, 'cnn')");
  database.execute(("INSERT INTO study_directions VALUES (1, '" + direction + "', 1, 0)").c_str());
  database.execute(sql.c_str());
  return path;
}

/// INSERTs a trial with a `lr` and a `layers`.
std::string trial(int64_t number, const std::string& state, double lr, int64_t layers, const std::string& more = "") {
  const std::string id = std::to_string(number + 1);
  return "INSERT INTO trials VALUES (" + id + ", " + std::to_string(number) + ", 1, '" + state +
         "', '2026-11-24 02:54:50.000000', '2026-11-24 02:55:00.000000');"
         "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (" + id + ", 'lr', " +
         Value(lr).to_json() +
         R"(, '{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-5, "high": 0.1, "log": true}}'), ()" +
         id + ", 'layers', " + std::to_string(layers) +
         R"(, '{"name": "IntDistribution", "attributes": {"log": false, "step": 2, "low": 1, "high": 9}}');)" + more;
}

std::string value(int64_t number, double value) {
  return "INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (" + std::to_string(number + 1) +
         ", 0, " + Value(value).to_json() + ", 'FINITE');";
}

std::string report(int64_t number, int64_t step, const std::string& value, const std::string& type = "FINITE") {
  return "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type) VALUES (" +
         std::to_string(number + 1) + ", " + std::to_string(step) + ", " + value + ", '" + type + "');";
}

TEST(OptunaImport, GivesAnExportedSweepBack) {
  const TemporaryFolder folder;
  record_five(folder / "out");
  const SweepRecord before = load_results(folder / "out");
  const Reports reports = load_reports(folder / "out");
  export_optuna(before, reports, folder / "optuna.db");
  write_imported_sweep(import_optuna_study(folder / "optuna.db"), folder / "again", false, "0.1.0");
  const SweepRecord after = load_results(folder / "again");
  EXPECT_TRUE(after.is_imported());
  EXPECT_FALSE(before.is_imported());
  EXPECT_EQ(trials_csv(after), trials_csv(before));
  EXPECT_EQ(best_json(after), best_json(before));
  EXPECT_EQ(curves_csv(after, load_reports(folder / "again")), curves_csv(before, reports));
  EXPECT_EQ(after.savings(), before.savings());
  EXPECT_EQ(after.elapsed_s, before.elapsed_s);
  for (size_t i = 0; i < before.trials.size(); ++i) EXPECT_EQ(after.trials[i].state, before.trials[i].state) << i;
  EXPECT_EQ(read_text(folder / "again/trials.csv"), trials_csv(before));
}

TEST(OptunaImport, ReadsStatesValuesAndDistributions) {
  const TemporaryFolder folder;
  const std::string path = make_study(
      folder, trial(0, "COMPLETE", 0.01, 3, value(0, 0.5) + report(0, 0, "0.7") + report(0, 10, "0.5")) +
                  trial(1, "PRUNED", 0.02, 5, value(1, 0.9) + report(1, 0, "0.9")) +
                  trial(2, "FAIL", 0.03, 7, report(2, 0, "0.1") + report(2, 1, "NULL", "NAN")) +
                  trial(3, "FAIL", 0.04, 9) + trial(4, "RUNNING", 0.05, 1, report(4, 0, "0.8")) +
                  trial(5, "WAITING", 0.06, 1) + trial(6, "COMPLETE", 0.07, 1, value(6, 0.25)));
  const ImportedSweep sweep = import_optuna_study(path);
  EXPECT_EQ(sweep.name, "cnn");
  EXPECT_EQ(sweep.goal, Goal::kMinimize);
  ASSERT_EQ(sweep.space.n_params(), 2);
  EXPECT_EQ(sweep.space[0].name, "lr");
  EXPECT_EQ(sweep.space[0].distribution.spec.kind, DistributionKind::kLogUniformValues);
  EXPECT_EQ(sweep.space[0].distribution.spec.b, 0.1);
  EXPECT_EQ(sweep.space[1].distribution.spec.kind, DistributionKind::kInt);
  EXPECT_EQ(sweep.space[1].distribution.spec.q, 2);
  EXPECT_EQ(sweep.space[1].distribution.spec.count, 5);
  ASSERT_EQ(sweep.trials.size(), 6u) << lines_of(sweep);
  const TrialState states[] = {TrialState::kFinished, TrialState::kStopped, TrialState::kDiverged,
                               TrialState::kFailed,   TrialState::kAborted, TrialState::kFinished};
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(sweep.trials[i].state, states[i]) << i;
  EXPECT_EQ(sweep.trials[0].reports, (std::vector<double>{0.7, 0.5}));
  EXPECT_EQ(sweep.trials[0].draws, (std::vector<double>{0.01, 3}));
  EXPECT_EQ(sweep.trials[5].number, 6);
  EXPECT_EQ(sweep.trials[5].reports, std::vector<double>{0.25}) << "its value is its only report";
  const std::string lines = lines_of(sweep);
  expect_says(lines, "left out: trial 5: waiting");
  expect_says(lines, "numbered 1, 2, ... in the order of the steps, which were others in 4 trials");
  expect_says(lines, "the value is the only report: 1 trial");
}

TEST(OptunaImport, ValueIsTheStudysAndNotTheBestReport) {
  const TemporaryFolder folder;
  const std::string path = make_study(
      folder, trial(0, "COMPLETE", 0.01, 3, value(0, 0.5) + report(0, 1, "0.2") + report(0, 2, "0.5")));
  write_imported_sweep(import_optuna_study(path), folder / "out", false, "0.1.0");
  const SweepRecord record = load_results(folder / "out");
  EXPECT_EQ(record.trials[0].value, 0.5);
  EXPECT_EQ(record.trials[0].best_interval, 2);
  EXPECT_EQ(record.trials[0].n_intervals, 2);
}

TEST(OptunaImport, LeavesOutIntermediateValuesOfSomethingElse) {
  const TemporaryFolder folder;
  const std::string path =
      make_study(folder, trial(0, "COMPLETE", 0.01, 3, value(0, 0.9) + report(0, 1, "12.5")) +
                             trial(1, "PRUNED", 0.01, 3, value(1, 14) + report(1, 1, "14")));
  const ImportedSweep sweep = import_optuna_study(path);
  EXPECT_EQ(sweep.trials[0].reports, std::vector<double>{0.9});
  EXPECT_EQ(sweep.trials[1].state, TrialState::kStopped);
  EXPECT_FALSE(sweep.trials[1].value) << "a pruned trial's value is its last intermediate one";
  expect_says(lines_of(sweep), "all intermediate values left out: trial 0's value is none of its own");
}

TEST(OptunaImport, InfiniteValueHasDiverged) {
  const TemporaryFolder folder;
  const std::string path = make_study(
      folder, trial(0, "COMPLETE", 0.01, 3, "INSERT INTO trial_values VALUES (1, 1, 0, NULL, 'INF_POS');") +
                  trial(1, "COMPLETE", 0.01, 3, value(1, 1)));
  const ImportedSweep sweep = import_optuna_study(path);
  EXPECT_EQ(sweep.trials[0].state, TrialState::kDiverged);
  EXPECT_FALSE(sweep.trials[0].value);
  EXPECT_EQ(sweep.trials[0].reports, std::vector<double>{kInfinity});
}

TEST(OptunaImport, ConditionalHyperparametersAndOddTrialsAreLeftOut) {
  const TemporaryFolder folder;
  const std::string path = make_study(
      folder,
      trial(0, "COMPLETE", 0.01, 3, value(0, 1) +
            "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (1, 'beta', 0.5, "
            R"('{"name": "FloatDistribution", "attributes": {"step": null, "low": 0, "high": 1, "log": false}}');)") +
          trial(1, "COMPLETE", 0.5, 3, value(1, 2)) + trial(2, "FAIL", 0.01, 3, "DELETE FROM trial_params WHERE trial_id = 3;"));
  const ImportedSweep sweep = import_optuna_study(path);
  EXPECT_EQ(sweep.space.n_params(), 2);
  EXPECT_EQ(sweep.trials.size(), 2u);
  const std::string lines = lines_of(sweep);
  expect_says(lines, "hyperparameter left out: 'beta': only 1 of 2 trials with a value have it");
  expect_says(lines, "left out: trial 2: it has no hyperparameter 'lr'");
}

TEST(OptunaImport, RangeHoldsThoseOfAllTrials) {
  const TemporaryFolder folder;
  const std::string path = make_study(
      folder, trial(0, "COMPLETE", 0.01, 3, value(0, 1)) + trial(1, "COMPLETE", 0.5, 4, value(1, 2)) +
                  R"(UPDATE trial_params SET distribution_json = '{"name": "FloatDistribution", "attributes":
                     {"step": null, "low": 1e-4, "high": 1, "log": true}}' WHERE trial_id = 2 AND param_name = 'lr';)"
                  R"(UPDATE trial_params SET distribution_json = '{"name": "IntDistribution", "attributes":
                     {"log": false, "step": 2, "low": 2, "high": 12}}' WHERE trial_id = 2 AND param_name = 'layers')");
  const ImportedSweep sweep = import_optuna_study(path);
  EXPECT_EQ(sweep.space[0].distribution.spec.a, 1e-5);
  EXPECT_EQ(sweep.space[0].distribution.spec.b, 1);
  EXPECT_EQ(sweep.space[1].distribution.spec.a, 1);
  EXPECT_EQ(sweep.space[1].distribution.spec.q, 1) << "odd and even numbers";
  EXPECT_EQ(sweep.space[1].distribution.spec.count, 12);
}

TEST(OptunaImport, RefusesWithTheCure) {
  const TemporaryFolder folder;
  const auto refusal = [](const std::string& path, const std::string& study = "") {
    return message_of<DataError>([&] { import_optuna_study(path, study); });
  };
  const std::string path = make_study(folder, trial(0, "WAITING", 0.01, 3));
  expect_says(refusal(path), "no trial can be imported\n  left out: trial 0: waiting");
  expect_says(refusal(path, "other"), "there is no study 'other'; choose with --study from 'cnn'");
  {
    Database database(path, Database::Mode::kWrite);
    database.execute("INSERT INTO study_directions VALUES (2, 'MINIMIZE', 1, 1)");
  }
  expect_says(refusal(path), "has 2 objectives");
  write_text(folder / "broken.db", "SQLite format 3");
  expect_says(refusal(folder / "broken.db"), "broken.db: ");
}

TEST(DistributionFromOptuna, ReadsEveryVersionsNames) {
  const auto kind = [](const std::string& json) {
    const auto distribution = distribution_from_optuna(json);
    return distribution ? std::string(distribution->type_name()) : "none";
  };
  EXPECT_EQ(kind(R"({"name": "UniformDistribution", "attributes": {"low": 0, "high": 1}})"), "uniform");
  EXPECT_EQ(kind(R"({"name": "LogUniformDistribution", "attributes": {"low": 0.1, "high": 1}})"), "log_uniform_values");
  EXPECT_EQ(kind(R"({"name": "DiscreteUniformDistribution", "attributes": {"low": 0, "high": 1, "q": 0.25}})"), "quniform");
  EXPECT_EQ(kind(R"({"name": "FloatDistribution", "attributes": {"low": 0.1, "high": 1, "step": 0.2, "log": false}})"),
            "uniform")
      << "0.1, 0.3, ... are no multiples of 0.2";
  EXPECT_EQ(kind(R"({"name": "IntUniformDistribution", "attributes": {"low": 0, "high": 8, "step": 2}})"), "int");
  const auto log_int = distribution_from_optuna(R"({"name": "IntLogUniformDistribution", "attributes": {"low": 1, "high": 8, "step": 1}})");
  ASSERT_TRUE(log_int);
  EXPECT_EQ(log_int->spec.kind, DistributionKind::kLogInt);
  const auto choices = distribution_from_optuna(R"({"name": "CategoricalDistribution", "attributes": {"choices": [null, true, 3, 0.5, "a"]}})");
  ASSERT_TRUE(choices);
  EXPECT_EQ(choices->values, (std::vector<Value>{"None", true, 3, 0.5, "a"}));
  for (const char* bad : {"", "[]", R"({"name": "FloatDistribution"})",
                          R"({"name": "FloatDistribution", "attributes": {"low": 0, "high": 1, "log": true}})",
                          R"({"name": "CategoricalDistribution", "attributes": {"choices": [[1]]}})"}) {
    EXPECT_EQ(kind(bad), "none") << bad;
  }
}

}  // namespace
}  // namespace lockstep
