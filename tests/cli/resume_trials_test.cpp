// `lockstep resume DIR --trial N`: a trial that a policy ended comes to what it would have come to without one.

#include <sstream>

#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "cli/recorded_rows.h"

namespace lockstep::testing {
namespace {

constexpr const char* kReports =
    "SELECT trial_id, step, printf('%!.17g', intermediate_value), intermediate_value_type FROM trial_intermediate_values "
    "ORDER BY 1, 2";
constexpr const char* kValues = "SELECT trial_id, printf('%!.17g', value) FROM trial_values ORDER BY 1";

class CliResumeTrials : public CliTest {
 protected:
  void run_sweep(const std::string& output, const std::string& more = "") {
    const Ran ran = run("run sweep.yml -q --set limits.max_concurrent_trials=5 -o " + output + more);
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
  }

  std::vector<std::string> stopped(const std::string& output) const {
    std::istringstream lines(rows(dir_ / output, "SELECT trial_id - 1 FROM lockstep_events WHERE decision = 'stopped' ORDER BY 1"));
    std::vector<std::string> trials;
    for (std::string line; std::getline(lines, line, '|'); lines.ignore()) trials.push_back(line);
    return trials;
  }
};

TEST_F(CliResumeTrials, AllThatWereStoppedComeToWhatTheyWouldHaveComeTo) {
  run_sweep("out");
  run_sweep("whole", " --set early_termination.type=none");
  const std::vector<std::string> trials = stopped("out");
  ASSERT_GE(trials.size(), 2u);
  ASSERT_NE(rows(dir_ / "out", kReports), rows(dir_ / "whole", kReports));
  const std::string before = rows(dir_ / "out", "SELECT interval, reason FROM lockstep_events WHERE decision = 'stopped' ORDER BY trial_id");

  std::string arguments;
  for (const std::string& trial : trials) arguments += " --trial " + trial;
  const Ran ran = run("resume out" + arguments);
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.out.find("Best of the sweep: trial "), std::string::npos) << ran.out;

  EXPECT_EQ(rows(dir_ / "out", kReports), rows(dir_ / "whole", kReports));
  EXPECT_EQ(rows(dir_ / "out", kValues), rows(dir_ / "whole", kValues));
  EXPECT_EQ(rows(dir_ / "out", "SELECT trial_id, state FROM trials ORDER BY 1"),
            rows(dir_ / "whole", "SELECT trial_id, state FROM trials ORDER BY 1"));
  const char* const totals = "SELECT printf('%!.17g', test_value), trial_intervals, trial_intervals_full, end_state FROM lockstep_sweep";
  EXPECT_EQ(rows(dir_ / "out", totals), rows(dir_ / "whole", totals));
  EXPECT_EQ(run("best out").out, run("best whole").out);
  EXPECT_EQ(read("out/best.json"), read("whole/best.json"));
  EXPECT_EQ(rows(dir_ / "out", "PRAGMA integrity_check"), "ok|\n");

  // What was decided stays known.
  EXPECT_EQ(rows(dir_ / "out", "SELECT interval, reason FROM lockstep_trial_resumes WHERE decision = 'stopped' ORDER BY trial_id"), before);
  const std::string reason = rows(dir_ / "out", ("SELECT reason FROM lockstep_events WHERE trial_id - 1 = " + trials[0]).c_str());
  EXPECT_EQ(reason.rfind("resumed by hand after interval ", 0), 0u) << reason;
  EXPECT_NE(reason.find("(median_stopping at interval "), std::string::npos) << reason;
  EXPECT_NE(reason.find("): trained all 6 intervals|"), std::string::npos) << reason;
  EXPECT_NE(run("trials out --format csv").out.find("resumed by hand after interval "), std::string::npos);

  // And what reads the results takes them as they are now.
  const Ran replayed = run("replay out --tolerance 0 --trial " + trials[0]);
  EXPECT_EQ(replayed.exit_code, 0) << replayed.err;
  EXPECT_EQ(run("export-model out -q -o model.pt --interval 6 --trial " + trials[0]).exit_code, 0);
  EXPECT_EQ(run("export-model out -q -o best.pt").exit_code, 0);
  EXPECT_EQ(run("export out --to optuna.db").exit_code, 0);
  EXPECT_EQ(run("report out").exit_code, 0);
  const Ran again = run("resume out --trial " + trials[0]);
  EXPECT_EQ(again.exit_code, 3);
  EXPECT_NE(again.err.find("has trained to its end (resumed by hand"), std::string::npos) << again.err;
  EXPECT_EQ(run("resume out").exit_code, 0);
}

TEST_F(CliResumeTrials, OneOfThemLeavesTheOthers) {
  run_sweep("out");
  const std::vector<std::string> trials = stopped("out");
  ASSERT_GE(trials.size(), 2u);
  const Ran ran = run("resume out -q --format json --trial " + trials[1]);
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.err, "");
  const auto json = nlohmann::json::parse(ran.out);
  ASSERT_EQ(json["resumed"].size(), 1u);
  EXPECT_EQ(json["resumed"][0]["trial"], std::stoi(trials[1]));
  EXPECT_EQ(json["resumed"][0]["intervals"], 6);
  EXPECT_EQ(stopped("out").size(), trials.size() - 1);
}

TEST_F(CliResumeTrials, RefusesWhatCannotGoOn) {
  run_sweep("out");
  const std::vector<std::string> trials = stopped("out");
  const auto expect = [&](const std::string& arguments, int code, const std::string& part) {
    const std::string before = results_of(dir_ / "out");
    const Ran ran = run("resume " + arguments);
    EXPECT_EQ(ran.exit_code, code) << ran.err;
    EXPECT_EQ(ran.out, "");
    EXPECT_NE(ran.err.find(part), std::string::npos) << part << "\n" << ran.err;
    EXPECT_EQ(results_of(dir_ / "out"), before);
  };
  expect("out --trial 99", 3, "out has no trial 99; it has started trials 0 to 11");
  expect("out --trial best", 3, "has trained to its end (finished: trained all 6 intervals)");
  expect("out --trial 1 --timeout 5", 2, "--timeout");
  // A trial that does not come to what it had come to: the record is of another machine, say.
  change(dir_ / "out", "UPDATE trial_intermediate_values SET intermediate_value = 0.125 WHERE step = 2 AND trial_id - 1 = " + trials[0]);
  expect("out --trial " + trials[0], 8, "at interval 2, and had 0.125, so what follows would not be the same trial; nothing was recorded");
  change(dir_ / "out", "UPDATE lockstep_sweep SET end_state = 'interrupted'");
  expect("out --trial " + trials[1], 3, "the sweep is not over (interrupted), so its trials still go on with it; `lockstep resume out` first");
  change(dir_ / "out", "UPDATE lockstep_sweep SET end_state = 'timeout'");
  expect("out --trial " + trials[1], 3, "`lockstep resume out --timeout SECONDS` first");
}

}  // namespace
}  // namespace lockstep::testing
