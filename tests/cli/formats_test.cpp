// export, import, compare and plot, as users call them. That other programs read the exports is seen in tests/interop.

#include <filesystem>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "cli/recorded_rows.h"

namespace lockstep {
namespace {

using testing::Ran;
using Json = nlohmann::json;

class CliFormats : public testing::CliTest {
 protected:
  /// A sweep of 20 trials from a table, whose lr decides the value, in the folder `name`.
  void import_table(const std::string& name, const std::string& goal = "minimize") const {
    std::string csv = "number,lr,act,loss\n";
    for (int i = 0; i < 20; ++i) {
      csv += std::to_string(i) + "," + std::to_string(0.05 * i) + (i % 2 == 0 ? ",relu," : ",tanh,") +
             std::to_string(1.0 + 0.1 * ((i * 7) % 20)) + "\n";
    }
    write(name + ".csv", csv);
    const Ran ran = run("import " + name + ".csv --metric loss --goal " + goal + " -o " + name);
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
  }

  void expect_refusal(const std::string& arguments, int exit_code, const std::string& part) const {
    const Ran ran = run(arguments);
    EXPECT_EQ(ran.exit_code, exit_code) << arguments << "\n" << ran.err;
    EXPECT_NE(ran.err.find(part), std::string::npos) << arguments << "\n" << ran.err;
  }
};

TEST_F(CliFormats, ASweepGoesOutAndComesBack) {
  ASSERT_EQ(run("run sweep.yml -o out --quiet --tile 4").exit_code, 0);
  for (const char* format : {"optuna.db", "csv", "json", "tensorboard"}) {
    const Ran ran = run(std::string("export out --to ") + format);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_NE(ran.out.find("12 trials"), std::string::npos) << ran.out;
    expect_refusal(std::string("export out --to ") + format, 5, "--overwrite");
    EXPECT_EQ(run(std::string("export out --overwrite --to ") + format).exit_code, 0);
  }
  EXPECT_EQ(read("out/csv/trials.csv"), read("out/trials.csv"));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "out/optuna.db"));
  EXPECT_EQ(Json::parse(read("out/sweep.json"))["trials"].size(), 12u);

  const Ran imported = run("import out/optuna.db -o again");
  ASSERT_EQ(imported.exit_code, 0) << imported.err;
  EXPECT_EQ(imported.err, "") << "nothing is left out";
  EXPECT_EQ(testing::results_of(dir_ / "again"), testing::results_of(dir_ / "out"));
  EXPECT_EQ(run("best again").out, run("best out").out);
  EXPECT_EQ(read("again/trials.csv"), read("out/trials.csv"));
  EXPECT_EQ(run("simulate --curves again --policy sweep.yml --format json").exit_code, 0);

  expect_refusal("import out/optuna.db -o again", 5, "holds the results of a sweep already");
  expect_refusal("replay again --best", 3, "was imported from out/optuna.db");
  EXPECT_EQ(run("resume again").exit_code, 0) << "a complete sweep is left alone";
}

TEST_F(CliFormats, ExportNeverTouchesTheRecord) {
  import_table("old");
  const std::string before = read("old/sweep.db");
  expect_refusal("export old --to optuna.db -o old/sweep.db --overwrite", 5, "the sweep's own record");
  expect_refusal("export old --to json -o old/../old/sweep.db --overwrite", 5, "the sweep's own record");
  expect_refusal("export old --to csv -o old/sweep.db --overwrite", 5, "it is a file");
  expect_refusal("export old --to optuna.db -o /nowhere/optuna.db", 5, "/nowhere/optuna.db");
  expect_refusal("export nothing --to csv", 5, "nothing: no such folder");
  expect_refusal("export old --to xml", 2, "--to");
  EXPECT_EQ(read("old/sweep.db"), before);
}

TEST_F(CliFormats, FullDiskLeavesNoHalfAnExport) {
  import_table("old");
  for (const char* format : {"optuna.db", "csv", "json", "tensorboard"}) {
    const Ran ran = shell("(ulimit -f 1; " + program() + " export old --to " + format + " -o out-" + format +
                          " >stdout.txt 2>stderr.txt)");
    if (ran.exit_code == 0) continue;  // little enough to fit into one block
    EXPECT_EQ(ran.exit_code, 5) << ran.err;
    EXPECT_EQ(ran.err.find("internal"), std::string::npos) << ran.err;
    EXPECT_FALSE(std::filesystem::is_regular_file(dir_ / (std::string("out-") + format))) << format;
    EXPECT_FALSE(std::filesystem::exists(dir_ / (std::string("out-") + format + ".tmp"))) << format;
  }
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out-optuna.db")) << "a database has more than one block";
}

TEST_F(CliFormats, ImportSaysWhatItLeavesOut) {
  write("trials.csv", "lr,loss,state\n0.1,1,COMPLETE\n,2,COMPLETE\n0.3,nan,COMPLETE\n0.4,3,LOST\n");
  const Ran ran = run("import trials.csv --metric loss --goal minimize --parameters lr -o old");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, "old: 2 trials of trials.csv; 2 left out\n");
  EXPECT_NE(ran.err.find("Left out: line 3: there is no 'lr'\n"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("Left out: line 5: the state is none of"), std::string::npos) << ran.err;
  EXPECT_NE(testing::rows(dir_ / "old", "SELECT notes_json FROM lockstep_sweep").find("there is no 'lr'"), std::string::npos)
      << "kept with the sweep";
  EXPECT_NE(run("trials old").out.find("diverged"), std::string::npos);
}

TEST_F(CliFormats, ImportRefusesWithTheCure) {
  write("trials.csv", "lr,loss\n0.1,1\n");
  expect_refusal("import trials.csv --metric loss -o old", 2, "--goal: is needed for CSV");
  expect_refusal("import trials.csv --goal minimize -o old", 4, "name the metric's column with --metric from 'lr', 'loss'");
  expect_refusal("import trials.csv --goal minimize --metric loss --study x -o old", 2, "--study");
  expect_refusal("import none.csv --goal minimize -o old", 4, "none.csv: cannot be opened");
  expect_refusal("import trials.csv --goal minimize", 2, "--output");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "old")) << "nothing is made before the file was read";
  import_table("table");
  expect_refusal("import table/sweep.db --goal minimize -o old", 2, "is for CSV");
  expect_refusal("import table/sweep.db --study other -o old", 4, "there is no study 'other'");
}

TEST_F(CliFormats, NamesStayTextOnTheTerminal) {
  const std::string longest(10'000, 'x');
  write("trials.csv", "\"lr\x1b[31m\n<script>\",\"a\rb\"," + longest + ",value\n\x1b]0;owned\x07,\xf0\x9f\x9a\x80,'quoted',1\n\"2\n3\",b,c,2\n");
  ASSERT_EQ(run("import trials.csv --goal minimize -o 'old\x1b[2J'").exit_code, 0);
  for (const char* command : {"best", "trials", "plot", "compare 'old\x1b[2J'", "export --to csv --overwrite",
                              "export --to tensorboard --overwrite", "replay --best", "trials --format json"}) {
    const Ran ran = run(std::string(command) + " 'old\x1b[2J'");
    for (const std::string& text : {ran.out, ran.err}) {
      for (const char c : {'\x1b', '\x07', '\r'}) EXPECT_EQ(text.find(c), std::string::npos) << command << "\n" << text;
    }
  }
  EXPECT_NE(run("best 'old\x1b[2J'").out.find("lr\\x1b[31m\\n<script>"), std::string::npos);
  EXPECT_LT(run("trials 'old\x1b[2J'").out.size(), 2000u) << "long ones are shortened";
  EXPECT_NE(run("trials --format csv 'old\x1b[2J'").out.find(longest), std::string::npos) << "but not for programs";
}

TEST_F(CliFormats, CompareShowsSweepsSideBySide) {
  import_table("first");
  import_table("second");
  import_table("third", "maximize");
  const Ran text = run("compare first second");
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_NE(text.out.find("Best: first, loss 1; second has the same.\n"), std::string::npos) << text.out;
  const Ran other = run("compare first third");
  EXPECT_EQ(other.exit_code, 0);
  EXPECT_NE(other.out.find("Not compared: loss is to minimize in first and to maximize in third.\n"), std::string::npos)
      << other.out;
  const Json json = Json::parse(run("compare first third second --format json").out);
  EXPECT_EQ(json["comparable"], false);
  ASSERT_EQ(json["sweeps"].size(), 3u);
  EXPECT_EQ(json["sweeps"][2]["directory"], "second");
  EXPECT_EQ(json["sweeps"][2]["trials"]["finished"], 20);
  expect_refusal("compare first", 2, "DIR");
  expect_refusal("compare first none", 5, "none: no such folder");
}

TEST_F(CliFormats, PlotDrawsByLocaleAndWidth) {
  import_table("old");
  const Ran ascii = shell("LC_ALL=C COLUMNS=60 " + program() + " plot old >stdout.txt 2>stderr.txt");
  EXPECT_EQ(ascii.exit_code, 0) << ascii.err;
  EXPECT_NE(ascii.out.find("Best loss so far: 1, of trial 0\n"), std::string::npos) << ascii.out;
  EXPECT_NE(ascii.out.find("Importance of hyperparameters, of 20 trials\n"), std::string::npos) << ascii.out;
  EXPECT_NE(ascii.out.find("lr "), std::string::npos);
  for (const char c : ascii.out) ASSERT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << ascii.out;
  const Ran utf8 = shell("LC_ALL=C.UTF-8 COLUMNS=60 NO_COLOR=1 " + program() + " plot old >stdout.txt 2>stderr.txt");
  EXPECT_NE(utf8.out.find("┤"), std::string::npos) << utf8.out;
  EXPECT_EQ(utf8.out.find('\x1b'), std::string::npos);
  const Ran wide = shell("LC_ALL=C COLUMNS=200 " + program() + " plot old >stdout.txt 2>stderr.txt");
  EXPECT_GT(wide.out.find("trial 19"), ascii.out.find("trial 19"));
}

TEST_F(CliFormats, PlotSaysWhatItCannotDraw) {
  write("trials.csv", "lr,value,state\n0.1,,FAIL\n");
  ASSERT_EQ(run("import trials.csv --goal minimize -o old").exit_code, 0);
  const Ran ran = run("plot old");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.out.find("No trial has reported a finite value.\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("Importance of hyperparameters: "), std::string::npos) << ran.out;
}

}  // namespace
}  // namespace lockstep
