// `lockstep replay`: a trial trained alone against what it reported among others.

#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "cli/recorded_rows.h"

namespace lockstep::testing {
namespace {

class CliReplay : public CliTest {
 protected:
  void train(const std::string& arguments = "") {
    ASSERT_EQ(run("run sweep.yml -q -o out --set limits.max_concurrent_trials=5 " + arguments).exit_code, 0)
        << read("stderr.txt");
  }
  nlohmann::json replay(const std::string& which) {
    const Ran ran = run("replay out " + which + " --tolerance 0 --format json");
    EXPECT_EQ(ran.exit_code, 0) << which << ": " << ran.err;
    return nlohmann::json::parse(ran.out);
  }
};

TEST_F(CliReplay, EveryTrialReportsTheSameBitsAlone) {
  train();
  for (int trial = 0; trial < 12; ++trial) {
    const auto result = replay("--trial " + std::to_string(trial));
    EXPECT_EQ(result["trial"], trial);
    EXPECT_TRUE(result["equal"]);
    EXPECT_EQ(result["largest_difference"], 0);
    EXPECT_GE(result["intervals"].size(), 2u);
    EXPECT_EQ(result["notes"].size(), 1u) << result["notes"];  // an option of the run is not in the file
  }
}

TEST_F(CliReplay, FollowsTheWeightsThatATrialTookOver) {
  train("--set early_termination='{type: pbt, evaluation_interval: 1}' --set limits.max_concurrent_trials=12 "
        "--set trial.epochs=5 --set search_space.hidden='{type: choice, values: [8]}'");
  ASSERT_NE(rows(dir_ / "out", "SELECT count(*) FROM lockstep_exploits"), "0|\n");
  for (int trial = 0; trial < 12; ++trial) EXPECT_TRUE(replay("--trial " + std::to_string(trial))["equal"]) << trial;
}

TEST_F(CliReplay, TakesTheBestAndPrintsATable) {
  train();
  const auto best = nlohmann::json::parse(run("best out --format json").out);
  const Ran ran = run("replay out --best");
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.out.rfind("Trial " + best["trial"].dump() + ", ", 0), 0u) << ran.out;
  EXPECT_NE(ran.out.find("Trained alone, accuracy is the same at every interval, bit for bit.\n"), std::string::npos);
  EXPECT_EQ(replay("--best")["trial"], best["trial"]);
}

TEST_F(CliReplay, SaysByHowMuchARecordDiffers) {
  train();
  ASSERT_EQ(shell("python3 -c \"import sqlite3; c = sqlite3.connect('out/sweep.db'); "
                  "c.execute('UPDATE trial_intermediate_values SET intermediate_value = intermediate_value + 0.25 "
                  "WHERE trial_id = 4 AND step = 2'); c.commit()\"").exit_code, 0);
  const Ran ran = run("replay out --trial 3 --tolerance 0.1");
  EXPECT_EQ(ran.exit_code, 8);
  EXPECT_NE(ran.out.find("Trained alone, accuracy differs by at most 0.25, at interval 2.\n"), std::string::npos) << ran.out;
  EXPECT_EQ(run("replay out --trial 3 --tolerance 0.3").exit_code, 0);
  EXPECT_EQ(run("replay out --trial 3").exit_code, 0) << "only a tolerance makes a difference an error";
}

TEST_F(CliReplay, SaysWhatIsNotAsItWasRecorded) {
  train();
  std::string changed = kSweep;
  changed.replace(changed.find("epochs: 6"), 9, "epochs: 7");
  write("sweep.yml", changed);
  const Ran ran = run("replay out --trial 0");
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_NE(ran.err.find("Note: sweep.yml is not what was run, options of that run counted: 'epochs: 6' is now "
                         "'epochs: 7'; what was run is used\n"), std::string::npos) << ran.err;
}

TEST_F(CliReplay, RefusesATrialThatIsNotThere) {
  train();
  const Ran ran = run("replay out --trial 12");
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_EQ(ran.err, "lockstep: error: out has no trial 12; it has started trials 0 to 11\n");
  EXPECT_EQ(run("replay out --trial first").exit_code, 3);
  EXPECT_EQ(run("replay out").exit_code, 2);
}

}  // namespace
}  // namespace lockstep::testing
