// Tables of trials as sweeps.

#include "store/csv_import.h"

#include <gtest/gtest.h>

#include <lockstep/error.h>

#include "core/message.h"
#include "store/export.h"
#include "store/imported_lines.h"
#include "store/recorded_sweep.h"
#include "store/results.h"
#include "store/temporary_folder.h"

namespace lockstep {
namespace {

ImportedSweep import_text(const std::string& text, CsvImportOptions options = {}) {
  const TemporaryFolder folder;
  write_text(folder / "trials.csv", text);
  return import_trials_csv(folder / "trials.csv", options);
}

std::string refusal(const std::string& text, const CsvImportOptions& options = {}) {
  return message_of<DataError>([&] { import_text(text, options); });
}

TEST(CsvImport, GivesAnExportedSweepBack) {
  const TemporaryFolder folder;
  record_five(folder / "out");
  const SweepRecord before = load_results(folder / "out");
  const Reports reports = load_reports(folder / "out");
  export_csv(before, reports, folder / "csv");
  CsvImportOptions options;
  options.goal = before.goal;
  options.metric = "accuracy";
  options.curves = folder / "csv/curves.csv";
  write_imported_sweep(import_trials_csv(folder / "csv/trials.csv", options), folder / "again", false, "0.1.0");
  const SweepRecord after = load_results(folder / "again");
  EXPECT_EQ(trials_csv(after), trials_csv(before));
  EXPECT_EQ(curves_csv(after, load_reports(folder / "again")), curves_csv(before, reports));
  for (size_t i = 0; i < before.trials.size(); ++i) EXPECT_EQ(after.trials[i].state, before.trials[i].state) << i;
}

TEST(CsvImport, TakesTypesFromTheValues) {
  const ImportedSweep sweep = import_text(
      "lr,layers,act,loss\n0.1,2,relu,0.5\n1e-3,4,\"tanh, \"\"really\"\"\nnew line\",0.25\n", {.metric = "loss"});
  EXPECT_EQ(sweep.metric, "loss");
  ASSERT_EQ(sweep.space.n_params(), 3);
  EXPECT_EQ(sweep.space[0].distribution.spec.kind, DistributionKind::kUniform);
  EXPECT_EQ(sweep.space[0].distribution.spec.a, 1e-3);
  EXPECT_EQ(sweep.space[1].distribution.spec.kind, DistributionKind::kInt);
  EXPECT_EQ(sweep.space[1].distribution.spec.count, 3);
  EXPECT_EQ(sweep.space[2].distribution.values, (std::vector<Value>{"relu", "tanh, \"really\"\nnew line"}));
  ASSERT_EQ(sweep.trials.size(), 2u);
  EXPECT_EQ(sweep.trials[1].draws, (std::vector<double>{1e-3, 4, 1}));
  EXPECT_EQ(sweep.trials[1].value, 0.25);
  EXPECT_EQ(sweep.trials[1].number, 1);
}

TEST(CsvImport, PrefersColumnsWithThePrefix) {
  const ImportedSweep sweep = import_text(",number,value,state,params_lr,note\n0,7,1,COMPLETE,0.5,hello\n");
  ASSERT_EQ(sweep.space.n_params(), 1);
  EXPECT_EQ(sweep.space[0].name, "lr");
  EXPECT_EQ(sweep.trials[0].number, 7);
  const ImportedSweep chosen = import_text("value,params_lr,note\n1,0.5,hello\n", {.parameters = {"note", "lr"}});
  EXPECT_EQ(chosen.space[0].name, "note");
  EXPECT_EQ(chosen.space[1].name, "lr");
}

TEST(CsvImport, SaysWhichLinesItLeavesOut) {
  const ImportedSweep sweep = import_text(
      "number,lr,value,state\n"
      "0,0.1,1,COMPLETE\n"        // 2
      "1,0.1,,COMPLETE\n"         // 3: no value
      "2,0.1,,PRUNED\n"           // 4
      "3,,1,COMPLETE\n"           // 5: no lr
      "0,0.1,1,COMPLETE\n"        // 6: number taken
      "5,0.1,1,DONE\n"            // 7: unknown state
      "6,0.1,high,COMPLETE\n"     // 8: no number
      "7,0.1,,TrialState.FAIL\n"  // 9
      "8,0.1,,WAITING\n"          // 10
      "-1,0.1,2,COMPLETE\n"       // 11
      "9,0.1,inf,COMPLETE\n"      // 12: diverged
      "10,0.1\n");                // 13: cut short
  std::vector<int64_t> numbers;
  for (const ImportedTrial& trial : sweep.trials) numbers.push_back(trial.number);
  EXPECT_EQ(numbers, (std::vector<int64_t>{0, 2, 7, 9}));
  EXPECT_EQ(sweep.trials[1].state, TrialState::kStopped);
  EXPECT_EQ(sweep.trials[2].state, TrialState::kFailed);
  EXPECT_EQ(sweep.trials[3].state, TrialState::kDiverged);
  const std::string lines = lines_of(sweep);
  expect_says(lines, "line 3, line 13: there is no value");
  expect_says(lines, "line 5: there is no 'lr'");
  expect_says(lines, "line 6: an earlier line has the same number");
  expect_says(lines, "line 7: the state is none of");
  expect_says(lines, "line 8: the value is no number");
  expect_says(lines, "line 10: waiting");
  expect_says(lines, "line 11: the number is no whole number from 0");
  EXPECT_EQ(sweep.left_out.n(), 8);
}

TEST(CsvImport, TakesDistributionsFromASpace) {
  CsvImportOptions options;
  options.space = SearchSpace().add("lr", loguniform(-7, -1)).add("act", choice({"relu", Value::List{8, 4}, 0.1}));
  const ImportedSweep sweep =
      import_text("act,other,params_lr,value\n\"[8, 4]\",x,0.01,1\n1e-1,x,0.02,2\nswish,x,0.03,3\n", options);
  EXPECT_EQ(sweep.space[0].distribution.spec.kind, DistributionKind::kLogUniform);
  ASSERT_EQ(sweep.trials.size(), 2u);
  EXPECT_EQ(sweep.trials[0].draws, (std::vector<double>{0.01, 1}));
  EXPECT_EQ(sweep.trials[1].draws, (std::vector<double>{0.02, 2}));
  expect_says(lines_of(sweep), "line 4: the 'act' is none of the hyperparameter's values");
}

TEST(CsvImport, HostileNamesStayText) {
  const std::string longest(10'000, 'x');
  const TemporaryFolder folder;
  write_text(folder / "trials.csv", "\"a\"\"b\n<script>\",\x1b[31m," + longest + ",\xff,value\n1,'; DROP TABLE trials;--,\xf0\x9f\x9a\x80,y,2\n");
  const ImportedSweep sweep = import_trials_csv(folder / "trials.csv", {});
  write_imported_sweep(sweep, folder / "out", false, "0.1.0");
  const SweepRecord record = load_results(folder / "out");
  ASSERT_EQ(record.search_space.n_params(), 4);
  EXPECT_EQ(record.search_space[0].name, "a\"b\n<script>");
  EXPECT_EQ(record.search_space[1].name, "\x1b[31m");
  EXPECT_EQ(record.search_space[2].name, longest);
  EXPECT_EQ(record.search_space[3].name, "\xef\xbf\xbd") << "no UTF-8: replaced";
  EXPECT_EQ(record.trials[0].hyperparameters[1], Value("'; DROP TABLE trials;--"));
  EXPECT_EQ(record.trials[0].hyperparameters[2], Value("\xf0\x9f\x9a\x80"));
}

TEST(CsvImport, RefusesWithTheCure) {
  expect_says(refusal(""), "trials.csv: is empty");
  expect_says(refusal("lr,loss\n1,2\n"), "there is no column 'value'; name the metric's column with --metric from 'lr', 'loss'");
  expect_says(refusal("value,value,lr\n1,2,3\n"), "column 'value' stands there twice");
  expect_says(refusal("value,state\n1,COMPLETE\n"), "no column is a hyperparameter");
  expect_says(refusal("value,lr\n1,2\n", {.parameters = {"rate"}}), "there is no column 'rate'; choose with --parameters");
  expect_says(refusal("value,lr,params_lr\n1,2,3\n", {.parameters = {"params_lr", "lr"}}),
              "two columns are the hyperparameter 'lr'");
  expect_says(refusal("value,lr\n,2\n"), "no trial can be imported\n  left out: line 2: there is no value");
  expect_says(refusal("value,lr\n1,\n"), "column 'lr' is empty");
  expect_says(refusal("value,lr\n\"1,2\n"), "trials.csv:2: a quote is not closed");
  expect_says(message_of<DataError>([] { import_trials_csv("/none.csv", {}); }), "cannot be opened");
}

TEST(CsvImport, CurvesOfNoTrialAreSaid) {
  const TemporaryFolder folder;
  write_text(folder / "trials.csv", "number,lr,value\n3,0.1,1\n");
  write_text(folder / "curves.csv", "trial,interval,value\n3,1,2\n3,2,1\n4,1,7\n");
  CsvImportOptions options;
  options.curves = folder / "curves.csv";
  const ImportedSweep sweep = import_trials_csv(folder / "trials.csv", options);
  EXPECT_EQ(sweep.trials[0].reports, (std::vector<double>{2, 1}));
  expect_says(lines_of(sweep), "curves of 1 trial left out");
}

}  // namespace
}  // namespace lockstep
