// A small sweep from end to end, through the program.

#include <sstream>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.h"

namespace lockstep::testing {
namespace {

using Json = nlohmann::json;

class CliRun : public CliTest {};

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) out.push_back(line);
  return out;
}

TEST_F(CliRun, WritesResultsThatTheOtherCommandsRead) {
  const Ran ran = run("run sweep.yml --output out");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.out.find("Best configurations"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("Stopping saved"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("Results: out"), std::string::npos) << ran.out;
  EXPECT_NE(ran.err.find("12/12 done"), std::string::npos) << ran.err;
  EXPECT_EQ(ran.err.find('\r'), std::string::npos) << "no terminal here, so no rewritten line";

  const auto csv = lines(run("trials out --format csv").out);
  ASSERT_EQ(csv.size(), 13u);
  EXPECT_EQ(csv[0].rfind("number,value,state,datetime_start,datetime_complete,duration,params_lr,params_hidden", 0), 0u) << csv[0];
  EXPECT_EQ(read("out/trials.csv"), run("trials out --format csv").out);

  const Json trials = Json::parse(run("trials out --format json").out);
  ASSERT_EQ(trials.size(), 12u);
  double best_value = 0;
  for (const auto& trial : trials) best_value = std::max(best_value, trial["value"].get<double>());

  const Json best = Json::parse(run("best out --format json").out);
  EXPECT_EQ(best, Json::parse(read("out/best.json")));
  EXPECT_EQ(best["value"], best_value);
  EXPECT_EQ(best["metric"], "accuracy");
  EXPECT_TRUE(best["test_metric"].is_number());
  EXPECT_TRUE(best["hyperparameters"]["hidden"].is_number_integer());
  const auto& row = trials[best["trial"].get<size_t>()];
  EXPECT_EQ(row["value"], best["value"]);

  const std::string text = run("best out").out;
  EXPECT_NE(text.find("Trial " + std::to_string(best["trial"].get<int>())), std::string::npos) << text;
  EXPECT_NE(text.find("hidden"), std::string::npos) << text;
  EXPECT_EQ(lines(run("trials out").out).size(), 13u);
}

TEST_F(CliRun, JsonSummaryIsAloneOnStandardOutput) {
  const Ran ran = run("run sweep.yml --format json --output out");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const Json summary = Json::parse(ran.out);
  EXPECT_EQ(summary["trials"]["total"], 12);
  EXPECT_EQ(summary["seed"], 5);
  EXPECT_EQ(summary["device"], "cpu");
  EXPECT_EQ(summary["best"]["trial"], Json::parse(read("out/best.json"))["trial"]);
  EXPECT_GT(summary["best"]["validation"], 0.5);
}

TEST_F(CliRun, QuietPrintsTheSummaryAlone) {
  const Ran ran = run("run sweep.yml --quiet --output out");
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.err, "");
  EXPECT_EQ(ran.out.rfind("Best configurations", 0), 0u) << ran.out;
}

TEST_F(CliRun, SameSeedSameSweepWhateverTileAndThreads) {
  const auto configurations = [&](const std::string& options) {
    EXPECT_EQ(run("run sweep.yml --quiet --overwrite --output out " + options).exit_code, 0);
    Json out = Json::array();
    for (const auto& trial : Json::parse(run("trials out --format json").out)) {
      out.push_back({trial.at("hyperparameters"), std::lround(trial.at("value").get<double>() * 20)});  // metrics to a tolerance
    }
    return out;
  };
  const Json reference = configurations("--threads 1 --tile 12");
  EXPECT_EQ(configurations("--threads 2 --tile 5"), reference);
  EXPECT_NE(configurations("--seed 6"), reference);
}

TEST_F(CliRun, OptionsChangeTheFile) {
  const Ran ran = run("run sweep.yml --format json --seed 9 --max-total-trials 4 --set trial.epochs=2 "
                      "--set search_space.hidden.values='[4]' --set early_termination.type=none --output out");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const Json summary = Json::parse(ran.out);
  EXPECT_EQ(summary["seed"], 9);
  EXPECT_EQ(summary["trials"]["total"], 4);
  EXPECT_EQ(summary["trial_intervals"], 8);
  EXPECT_EQ(summary["best"]["hyperparameters"]["hidden"], 4);
}

TEST_F(CliRun, StaysWithinAGivenMemory) {
  const Ran ran = run("run sweep.yml --memory 1GiB --format json --output out");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(Json::parse(ran.out)["trials"]["total"], 12);
  const Ran little = run("run sweep.yml --memory 1MiB --output other");
  EXPECT_EQ(little.exit_code, 3);
  EXPECT_NE(little.err.find("memory: 1 MiB is too little for one trial; give at least"), std::string::npos) << little.err;
  EXPECT_FALSE(std::filesystem::exists(dir_ / "other"));
}

TEST_F(CliRun, FewSlotsTrainEveryTrial) {
  const Ran ran = run("run sweep.yml --format json --set limits.max_concurrent_trials=3 --output out");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const Json summary = Json::parse(ran.out);
  EXPECT_EQ(summary["trials"]["finished"].get<int>() + summary["trials"]["stopped"].get<int>(), 12);
}

TEST_F(CliRun, TrainsOnTheUsersOwnFile) {
  std::string csv = "size,colour,price\n";
  for (int i = 0; i < 200; ++i) {
    csv += (i % 17 == 0 ? std::string() : std::to_string(i)) + (i % 2 ? ",red," : ",blue,") + std::to_string(3 * i + 50 * (i % 2)) + "\n";
  }
  write("prices.csv", csv);
  write("own.yml",
        "type: sweep\ntrial: {model: mlp, dataset: {csv: prices.csv, target: price}, epochs: 20, optimizer: adam}\n"
        "search_space:\n  lr: {type: loguniform, min_value: -5, max_value: -2}\n"
        "objective: {goal: maximize, primary_metric: r2}\nlimits: {max_total_trials: 8}\n");
  const Ran ran = run("run own.yml --seed 1 --format json --output out");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_GT(Json::parse(ran.out)["best"]["validation"], 0.8);
}

TEST_F(CliRun, PopulationBasedTrainingShowsTheConfigurationOfTheBestInterval) {
  const std::string pbt = " --set 'early_termination={type: pbt, evaluation_interval: 2, resample_probability: 0}'";
  const Ran ran = run("run sweep.yml --format json --output out" + pbt);
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const Json summary = Json::parse(ran.out);
  // Of 12 trials three take over after intervals 2 and 4; fewer where `hidden` parts them unevenly.
  EXPECT_GE(summary["exploits"], 2);
  EXPECT_LE(summary["exploits"], 6);
  EXPECT_EQ(summary["trials"]["finished"], 12);
  EXPECT_EQ(summary["trial_intervals"], 72);
  const Json best = Json::parse(read("out/best.json"));
  EXPECT_EQ(best["hyperparameters"], summary["best"]["hyperparameters"]);
  EXPECT_EQ(best["trial"], summary["best"]["trial"]);

  const Json trials = Json::parse(run("trials out --format json").out);
  int64_t n_exploits = 0;
  for (const Json& trial : trials) {
    n_exploits += static_cast<int64_t>(trial["exploits"].size());
    for (const Json& exploit : trial["exploits"]) {
      const Json& source = trials[exploit["source"].get<size_t>()];
      // A width is fixed for a trial's life, and its source has the same.
      EXPECT_EQ(exploit["hyperparameters"]["hidden"], source["hyperparameters"]["hidden"]);
      EXPECT_EQ(exploit["hyperparameters"]["hidden"], trial["hyperparameters"]["hidden"]);
    }
    // At its best interval it had what the last exploit before that left it.
    for (const Json& exploit : trial["exploits"]) {
      if (&exploit == &trial["exploits"].back() && exploit["interval"] < trial["interval"]) {
        EXPECT_EQ(trial["hyperparameters"], exploit["hyperparameters"]);
      }
    }
  }
  EXPECT_EQ(n_exploits, summary["exploits"]);
  EXPECT_EQ(Json::parse(run("run sweep.yml --format json --output again" + pbt).out)["best"], summary["best"]);
}

TEST_F(CliRun, HyperbandTrainsAsItsBracketsSay) {
  const Ran ran = run("run sweep.yml --format json --output out --set 'early_termination={type: hyperband, max_resource: 4, "
                      "reduction_factor: 2}' --set limits.max_total_trials=10");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const Json summary = Json::parse(ran.out);
  // Brackets of 4 (2 go on after interval 1, one after 2), 3 (one goes on after 2) and 3.
  EXPECT_EQ(summary["trials"]["stopped"], 5);
  EXPECT_EQ(summary["trial_intervals"], (2 * 1 + 2 + 6) + (2 * 2 + 6) + 3 * 6);
}

TEST_F(CliRun, ValidateShowsRungsAndBrackets) {
  const Ran halving = run("validate sweep.yml --set 'early_termination={type: successive_halving, bracket_size: 6}'");
  EXPECT_EQ(halving.exit_code, 0) << halving.err;
  EXPECT_NE(halving.out.find("\n  successive_halving: brackets of 6 trials, with rungs at intervals 1 and 3; 1 in 3 goes on at each\n"),
            std::string::npos)
      << halving.out;
  EXPECT_NE(run("validate sweep.yml").out.find("\n  median_stopping: every interval from 2 on\n"), std::string::npos);
  const Ran wrong = run("validate sweep.yml --set 'early_termination={type: asha, min_resource: 6}'");
  EXPECT_EQ(wrong.exit_code, 3);
  EXPECT_NE(wrong.err.find("early_termination.min_resource: the first rung is at interval 6, and a trial's last interval, 6, "
                           "ends it anyway"),
            std::string::npos)
      << wrong.err;
}

TEST_F(CliRun, ValidateChecksWithoutWriting) {
  const Ran ran = run("validate sweep.yml");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.out.find("sweep.yml: valid"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("hidden=8"), std::string::npos) << ran.out;
  size_t n_files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir_)) ++n_files;
  EXPECT_EQ(n_files, 3u);  // sweep.yml and what this test wrote of the program's output
}

TEST_F(CliRun, InfoSaysWhatIsThere) {
  const Json info = Json::parse(run("info --format json").out);
  EXPECT_EQ(info["backends"]["host"], "ready");
  EXPECT_TRUE(info["backends"]["cuda"].is_string());
  EXPECT_EQ(info["devices"][0], "cpu");
  EXPECT_FALSE(info["libtorch"]["version"].get<std::string>().empty());
  EXPECT_NE(run("info").out.find("LibTorch"), std::string::npos);
}

TEST_F(CliRun, HelpOfEveryCommand) {
  for (const char* command : {"", "run ", "validate ", "best ", "trials ", "report ", "serve ", "info "}) {
    const Ran ran = run(std::string(command) + "--help");
    EXPECT_EQ(ran.exit_code, 0);
    EXPECT_NE(ran.out.find("Usage"), std::string::npos) << ran.out;
  }
  EXPECT_EQ(run("--version").out.rfind("lockstep ", 0), 0u);
}

TEST_F(CliRun, WritesAReportAndDoesNotFailWithoutOne) {
  // A megabyte is room for the results, not for the report, as on a disk that is nearly full.
  const Ran ran = shell("ulimit -f 2000 && " + program() + " run sweep.yml --quiet --output out >stdout.txt 2>stderr.txt");
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.err.rfind("lockstep: warning: no report was written: ", 0), 0u) << ran.err;
  EXPECT_TRUE(std::filesystem::exists(dir_ / "out/best.json"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out/report.html"));
  const Ran report = run("report out");
  EXPECT_EQ(report.exit_code, 0) << report.err;
  EXPECT_EQ(report.out, "out/report.html\n");
  EXPECT_EQ(read("out/report.html").rfind("<!DOCTYPE html>", 0), 0u);
  EXPECT_EQ(run("report out -o elsewhere.html").out, "elsewhere.html\n");
  EXPECT_EQ(read("elsewhere.html"), read("out/report.html"));
  EXPECT_EQ(run("report nowhere").exit_code, 5);
  EXPECT_EQ(run("report out -o nowhere/report.html").exit_code, 5);
  EXPECT_EQ(run("serve sweep.yml").exit_code, 5);
}

TEST_F(CliRun, ReaderThatGoesAwayIsNoFailure) {
  ASSERT_EQ(run("run sweep.yml --quiet --output out").exit_code, 0);
  EXPECT_EQ(run("trials out --format csv | head -1").exit_code, 0);
  EXPECT_EQ(read("stderr.txt"), "");
}

}  // namespace
}  // namespace lockstep::testing
