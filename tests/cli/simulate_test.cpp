// `lockstep simulate`, as users call it.

#include <algorithm>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.h"

namespace lockstep::testing {
namespace {

using Json = nlohmann::json;

class CliSimulate : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    // The median at interval 1 is 0.5, which stops trial "a": it would have become the best.
    write("curves.csv",
          "trial,interval,value\n"
          "a,1,0.2\na,2,0.3\na,3,1.0\n"
          "7,1,0.5\n7,2,0.6\n7,3,0.7\n"
          "8,1,0.9\n8,2,0.8\n8,3,0.8\n");
    write("policy.yml", "early_termination: {type: median_stopping}\n");
  }
  void expect_refusal(const std::string& arguments, int code, std::initializer_list<const char*> fragments) {
    const Ran ran = run(arguments);
    EXPECT_EQ(ran.exit_code, code) << ran.err;
    EXPECT_EQ(ran.out, "");
    for (const char* fragment : fragments) EXPECT_NE(ran.err.find(fragment), std::string::npos) << fragment << "\n" << ran.err;
  }
};

TEST_F(CliSimulate, PrintsWhatAPolicySavesAndCosts) {
  const Ran ran = run("simulate --curves curves.csv --policy policy.yml --goal maximize");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.err, "");
  EXPECT_EQ(ran.out,
            "Curves:  curves.csv: 3 trials, 9 intervals\n"
            "Policy:  median_stopping, value to maximize, trials all at once\n"
            "Trials:  1 stopped early, 2 finished, 0 diverged, of 3\n"
            "Savings: 22.22 %: trained 7 of 9 trial-intervals\n"
            "Best:    0.9 (trial 8, interval 1); without the policy 1 (trial a, interval 3)\n"
            "Loss:    0.1; the best kept is number 2 of 3 without the policy\n");
}

TEST_F(CliSimulate, ListsTheStops) {
  const Ran ran = run("simulate --curves curves.csv --policy policy.yml --goal maximize --verbose");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.out.find("\n\ntrial  interval  value  threshold  reason\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("\na      1         0.2    0.5        median_stopping at interval 1: "), std::string::npos) << ran.out;
}

TEST_F(CliSimulate, WritesJson) {
  const Ran ran = run("simulate --curves curves.csv --policy policy.yml --goal maximize --format json");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const Json json = Json::parse(ran.out);
  EXPECT_EQ(json["trials"], Json::parse(R"({"total": 3, "finished": 2, "stopped": 1, "diverged": 0})"));
  EXPECT_DOUBLE_EQ(json["savings"], 2.0 / 9);
  EXPECT_EQ(json["best"], Json::parse(R"({"trial": 8, "interval": 1, "value": 0.9})"));
  EXPECT_EQ(json["best_without_policy"], Json::parse(R"({"trial": "a", "interval": 3, "value": 1.0})"));
  EXPECT_EQ(json["rank"], 2);
  EXPECT_EQ(json["concurrency"], 3);
  EXPECT_EQ(json["study"], Json());
  ASSERT_EQ(json["stops"].size(), 1u);
  EXPECT_EQ(json["stops"][0]["trial"], "a");
  EXPECT_EQ(json["stops"][0]["interval"], 1);
  EXPECT_EQ(json["stops"][0]["value"], 0.2);
  EXPECT_EQ(json["stops"][0]["threshold"], 0.5);
}

TEST_F(CliSimulate, GoalAndPolicyChangeTheResult) {
  const std::string command = "simulate --curves curves.csv --policy policy.yml --format json --goal ";
  EXPECT_EQ(Json::parse(run(command + "minimize").out)["best"]["trial"], "a");
  EXPECT_EQ(Json::parse(run(command + "maximize --set early_termination.delay_evaluation=3").out)["stops"].size(), 0u);
  EXPECT_EQ(Json::parse(run(command + "maximize --concurrency 1").out)["concurrency"], 1);
}

/// Nine trials of nine intervals: trial i reports i at each.
std::string nine_steady() {
  std::string csv = "trial,interval,value\n";
  for (int trial = 0; trial < 9; ++trial) {
    for (int interval = 1; interval <= 9; ++interval) {
      csv += std::to_string(trial) + "," + std::to_string(interval) + "," + std::to_string(trial) + "\n";
    }
  }
  return csv;
}

TEST_F(CliSimulate, SuccessiveHalvingLeavesOneInThree) {
  write("steady.csv", nine_steady());
  write("policy.yml", "type: successive_halving\n");
  const Ran ran = run("simulate --curves steady.csv --policy policy.yml --goal maximize --verbose");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.out.find("Policy:  successive_halving, value to maximize, trials all at once\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("Trials:  8 stopped early, 1 finished, 0 diverged, of 9\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("Savings: 74.07 %: trained 21 of 81 trial-intervals\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("successive_halving at interval 3: 7 is not the best of 3, which is 8\n"), std::string::npos) << ran.out;
  const Ran small = run("simulate --curves steady.csv --policy policy.yml --goal maximize --concurrency 4 --set bracket_size=6");
  EXPECT_EQ(small.exit_code, 3);
  EXPECT_NE(small.err.find("early_termination.bracket_size: a bracket has 6 trials, and 4 can train at once; write at most 4"),
            std::string::npos)
      << small.err;
}

TEST_F(CliSimulate, HyperbandGoesThroughItsBrackets) {
  write("steady.csv", nine_steady());
  write("policy.yml", "early_termination: {type: hyperband, max_resource: 3}\n");
  const Ran ran = run("simulate --curves steady.csv --policy policy.yml --goal maximize --format json");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const Json json = Json::parse(ran.out);
  // Brackets of 3 with a rung at 1, and of 2 without: 0 1 2, 3 4, 5 6 7, and 8 alone.
  ASSERT_EQ(json["stops"].size(), 2u + 1 + 1);
  EXPECT_EQ(json["stops"][0]["trial"], 0);
  EXPECT_EQ(json["stops"][3]["trial"], 6);
  EXPECT_EQ(json["stops"][3]["threshold"], 7);
}

TEST_F(CliSimulate, AshaStopsOneByOne) {
  write("steady.csv", nine_steady());
  write("policy.yml", "early_termination: {type: asha, reduction_factor: 3}\n");
  const Ran ran = run("simulate --curves steady.csv --policy policy.yml --goal minimize --concurrency 1 --format json");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const Json json = Json::parse(ran.out);
  EXPECT_EQ(json["trials"]["finished"], 1);  // the first is the best, and every later one is beside it
  EXPECT_EQ(json["stops"].size(), 8u);
  EXPECT_EQ(json["stops"][0]["reason"], "asha at interval 1: 1 is not the best of 2, which is 0");
}

TEST_F(CliSimulate, RefusesPbtAndSaysWhy) {
  write("policy.yml", "early_termination:\n  type: pbt\n");
  expect_refusal("simulate --curves curves.csv --policy policy.yml --goal maximize", 3,
                 {"policy.yml:", "early_termination.type: is pbt", "recorded curves have none"});
}

// Trained in full, then simulated: the stops of the sweep that had the policy while it trained.
TEST_F(CliSimulate, StopsWhatTheSweepStops) {
  ASSERT_EQ(run("run sweep.yml --quiet --output full --set early_termination.type=none --set limits.max_concurrent_trials=5").exit_code, 0);
  ASSERT_EQ(run("run sweep.yml --quiet --output stopped --set limits.max_concurrent_trials=5").exit_code, 0);
  const Ran ran = run("simulate --curves full --policy sweep.yml --concurrency 5 --format json");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const Json simulated = Json::parse(ran.out);
  EXPECT_EQ(simulated["goal"], "maximize");
  std::vector<int64_t> stops, expected;
  for (const Json& stop : simulated["stops"]) stops.push_back(stop["trial"]);
  for (const Json& trial : Json::parse(run("trials stopped --format json").out)) {
    if (trial["state"] == "PRUNED") expected.push_back(trial["number"]);
  }
  std::sort(stops.begin(), stops.end());
  EXPECT_EQ(stops, expected);
  EXPECT_FALSE(stops.empty());
}

TEST_F(CliSimulate, SaysWhatAReaderShouldKnow) {
  write("zero.csv", "trial,interval,value\n0,0,1\n0,1,2\n1,0,1\n");
  const Ran ran = run("simulate --curves zero.csv --policy policy.yml --goal maximize");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.err.find("counted from 0 in zero.csv"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("Shorter than the longest (2 intervals): 1 curve; "), std::string::npos) << ran.err;
}

TEST_F(CliSimulate, RefusesWhatIsWrong) {
  expect_refusal("simulate --policy policy.yml", 2, {"--curves"});
  expect_refusal("simulate --curves curves.csv", 2, {"--policy"});
  expect_refusal("simulate --curves curves.csv --policy policy.yml --goal up", 2, {"--goal", "maximize"});
  expect_refusal("simulate --curves curves.csv --policy policy.yml --goal maximize --concurrency 0", 2, {"--concurrency"});
  expect_refusal("simulate --curves curves.csv --policy policy.yml --goal maximize --study x", 2, {"--study", "curves.csv"});
  expect_refusal("simulate --curves curves.csv --policy policy.yml --goal maximize --device auto", 2, {"--device", "cpu"});
  expect_refusal("simulate --curves curves.csv --policy policy.yml", 3, {"policy.yml", "--goal maximize"});
  expect_refusal("simulate --curves curves.csv --policy nothere.yml --goal maximize", 3, {"nothere.yml"});
  expect_refusal("simulate --curves nothere.csv --policy policy.yml --goal maximize", 4, {"nothere.csv", "check the path"});
  write("bad.csv", "trial,interval,value\n0,1,2\n0,3,2\n");
  expect_refusal("simulate --curves bad.csv --policy policy.yml --goal maximize", 4, {"bad.csv:3", "no interval 2"});
}

}  // namespace
}  // namespace lockstep::testing
