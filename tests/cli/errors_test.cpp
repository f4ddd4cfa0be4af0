// Every way to fail that a user meets first: the exit code, and a message that names place, key and cure.

#include <algorithm>

#include "cli/program.h"

namespace lockstep::testing {
namespace {

class CliErrors : public CliTest {
 protected:
  /// Runs and expects failure: `code`, nothing on standard output, every fragment in the message, and no stack trace.
  void expect_refusal(const std::string& arguments, int code, std::initializer_list<const char*> fragments) {
    const Ran ran = run(arguments);
    EXPECT_EQ(ran.exit_code, code) << ran.err;
    EXPECT_EQ(ran.out, "");
    for (const char* fragment : fragments) EXPECT_NE(ran.err.find(fragment), std::string::npos) << fragment << "\n" << ran.err;
    EXPECT_EQ(ran.err.find("frame #"), std::string::npos) << ran.err;
    EXPECT_EQ(ran.err.find("terminate called"), std::string::npos) << ran.err;
    EXPECT_FALSE(std::filesystem::exists(dir_ / "out")) << "a refused sweep must leave nothing behind";
  }
};

TEST_F(CliErrors, MissingFile) { expect_refusal("run nothere.yml --output out", 3, {"nothere.yml"}); }

TEST_F(CliErrors, MalformedYaml) {
  write_changed("  epochs: 6\n", "  epochs: [6\n");
  expect_refusal("run bad.yml --output out", 3, {"bad.yml:"});
}

TEST_F(CliErrors, UnknownKey) {
  write_changed("limits: {max_total_trials", "limits: {max_total_trails");
  expect_refusal("run bad.yml --output out", 3, {"bad.yml:12", "limits.max_total_trails", "max_total_trials"});
}

TEST_F(CliErrors, NameThatTheTaskNeverReads) {
  write_changed("  hidden:", "  hiden:");
  expect_refusal("run bad.yml --output out", 3, {"bad.yml:10", "search_space.hiden", "'hidden'"});
}

TEST_F(CliErrors, UnknownDistribution) {
  write_changed("loguniform", "loguniforn");
  expect_refusal("validate bad.yml", 3, {"bad.yml:9", "search_space.lr", "loguniform"});
}

TEST_F(CliErrors, DistributionWithSwappedBounds) {
  write_changed("min_value: -7, max_value: -1", "min_value: -1, max_value: -7");
  expect_refusal("run bad.yml --output out", 3, {"bad.yml:9", "search_space.lr", "min_value"});
}

TEST_F(CliErrors, UnknownDataSet) {
  write_changed("dataset: digits", "dataset: digit");
  expect_refusal("run bad.yml --output out", 3, {"bad.yml:6", "trial.dataset", "digits"});
}

TEST_F(CliErrors, EmptyDataSet) {
  write("empty.csv", "");
  write_changed("dataset: digits", "dataset: {csv: empty.csv, target: y}");
  expect_refusal("run bad.yml --output out", 4, {"empty.csv"});
  write("empty.csv", "x,y\n");
  expect_refusal("run bad.yml --output out", 4, {"empty.csv"});
}

TEST_F(CliErrors, MissingDataFile) {
  write_changed("dataset: digits", "dataset: {csv: nothere.csv, target: y}");
  expect_refusal("run bad.yml --output out", 4, {"nothere.csv"});
}

TEST_F(CliErrors, MetricThatIsNotReported) {
  write_changed("primary_metric: accuracy", "primary_metric: acuracy");
  expect_refusal("run bad.yml --output out", 7, {"bad.yml:11", "objective.primary_metric", "'accuracy'", "loss"});
}

TEST_F(CliErrors, UnknownDevice) { expect_refusal("run sweep.yml --device gpu --output out", 6, {"gpu", "cuda"}); }

TEST_F(CliErrors, DeviceThatIsNotThere) {
  // cuda:63 is absent with and without a GPU.
  expect_refusal("run sweep.yml --device cuda:63 --output out", 6, {"CUDA"});
}

TEST_F(CliErrors, UnwritableOutput) {
  write("file", "");
  expect_refusal("run sweep.yml --output file/out", 5, {"file/out"});
  expect_refusal("run sweep.yml --output /proc/lockstep", 5, {"/proc/lockstep"});
}

TEST_F(CliErrors, FolderThatHoldsASweep) {
  ASSERT_EQ(run("run sweep.yml --quiet --max-total-trials 2 --output first").exit_code, 0);
  expect_refusal("run sweep.yml --output first", 5, {"first", "--overwrite"});
  EXPECT_EQ(run("run sweep.yml --quiet --max-total-trials 2 --output first --overwrite").exit_code, 0);
}

TEST_F(CliErrors, WrongCommandLine) {
  expect_refusal("", 2, {"Usage", "Subcommands"});
  expect_refusal("run", 2, {"lockstep: error: ", "FILE", "lockstep run --help"});
  expect_refusal("rnu sweep.yml", 2, {"unknown command 'rnu'; did you mean 'run'?", "lockstep --help"});
  expect_refusal("frobnicate", 2, {"unknown command 'frobnicate'"});
  expect_refusal("run sweep.yml --no-such-option", 2, {"--no-such-option"});
  expect_refusal("run sweep.yml --threads 0", 2, {"--threads", "1"});
  expect_refusal("trials out --format xml", 2, {"--format", "xml", "csv"});
}

TEST_F(CliErrors, StandardOutputThatIsFull) {
  ASSERT_EQ(run("run sweep.yml --quiet --max-total-trials 2 --output first").exit_code, 0);
  const Ran ran = shell(program() + " trials first >/dev/full 2>stderr.txt");
  EXPECT_EQ(ran.exit_code, 5);
  EXPECT_EQ(ran.err.rfind("lockstep: error: standard output: ", 0), 0u) << ran.err;
}

TEST_F(CliErrors, DiskThatFillsUp) {
  // A limit on the size of files, in blocks of 512 bytes, does what a full disk does.
  const Ran ran = shell("ulimit -f 800 && " + program() +
                        " run sweep.yml --set trial.epochs=1000000 --set early_termination.type=none --output out "
                        ">stdout.txt 2>stderr.txt");
  EXPECT_EQ(ran.exit_code, 5);
  EXPECT_NE(ran.err.find("lockstep: error: out/sweep.db: "), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("--output"), std::string::npos) << ran.err;
  const Ran trials = run("trials out --format csv");
  EXPECT_EQ(trials.exit_code, 0) << trials.err;
  EXPECT_EQ(std::count(trials.out.begin(), trials.out.end(), '\n'), 13);
}

TEST_F(CliErrors, OverrideThatDoesNotFit) {
  expect_refusal("run sweep.yml --set limits.max_total_trials=0 --output out", 3, {"--set limits.max_total_trials", "1"});
  expect_refusal("run sweep.yml --set epochs --output out", 3, {"epochs", "="});
  expect_refusal("run sweep.yml --seed soon --output out", 3, {"seed", "soon"});
}

TEST_F(CliErrors, ResultsThatAreNotThere) {
  expect_refusal("best out", 5, {"out"});
  std::filesystem::create_directory(dir_ / "empty");
  expect_refusal("trials empty", 5, {"empty", "sweep.db"});
  write("sweep.db", "this is no database");
  expect_refusal("trials .", 5, {"sweep.db"});
}

TEST_F(CliErrors, ReportsThatNobodyTakes) {
  unsetenv("LOCKSTEP_REPORT_URL");
  expect_refusal("report accuracy=0.93", 2, {"LOCKSTEP_REPORT_URL", "lockstep run"});
  expect_refusal("report one two", 2, {"compare"});
  setenv("LOCKSTEP_REPORT_URL", "http://127.0.0.1:9/t/x/1/report", 1);  // nobody listens there
  expect_refusal("report accuracy=0.93", 5, {"does not answer"});
  expect_refusal("report accuracy=high step=1", 3, {"accuracy=high", "NAME=NUMBER"});
  expect_refusal("report accuracy=0.93 -o sweep.html", 2, {"--output"});
  unsetenv("LOCKSTEP_REPORT_URL");
}

TEST_F(CliErrors, SlackThatMeansNothing) {
  write_changed("type: median_stopping, delay_evaluation: 2", "type: bandit, slack_factor: 0.1, slack_amount: 0.1");
  expect_refusal("validate bad.yml", 3, {"bad.yml:13", "early_termination.slack_amount", "keep one"});
  write_changed("type: median_stopping, delay_evaluation: 2", "type: bandit");
  expect_refusal("run bad.yml --output out", 3, {"bad.yml:13", "early_termination", "slack_factor", "slack_amount"});
}

TEST_F(CliErrors, APolicyThatNobodyKnows) {
  write_changed("type: median_stopping, delay_evaluation: 2", "type: hyperbanned");
  expect_refusal("run bad.yml --output out", 3, {"bad.yml:13", "early_termination.type", "hyperbanned"});
}

}  // namespace
}  // namespace lockstep::testing
