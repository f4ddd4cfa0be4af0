#include "store/export.h"

#include <filesystem>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "store/recorded_sweep.h"
#include "store/temporary_folder.h"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) result.push_back(line);
  return result;
}

TrialRecord trial(int64_t number, TrialState state, std::optional<double> value) {
  TrialRecord record;
  record.number = number;
  record.state = state;
  record.start = parse_utc("2026-11-24 02:54:50.25");
  record.value = value;
  return record;
}

SweepRecord two_trials() {
  SweepRecord record;
  record.primary_metric = "accuracy";
  record.seed = 7;
  record.search_space.add("lr", uniform(0, 1));
  record.search_space.add("act", choice({"relu", "say \"hi\", you"}));
  record.trials = {trial(0, TrialState::kStopped, 0.1), trial(1, TrialState::kRunning, std::nullopt)};
  record.trials[0].complete = parse_utc("2026-11-24 02:54:51.5");
  record.trials[0].best_interval = 2;
  record.trials[0].n_intervals = 3;
  record.trials[0].reason = "a, b";
  record.trials[0].hyperparameters = {Value(0.5), Value("say \"hi\", you")};
  record.trials[1].hyperparameters = {Value(1e-5), Value("relu")};
  return record;
}

TEST(TrialsCsv, IsShapedLikeATrialsDataframe) {
  EXPECT_EQ(lines(trials_csv(two_trials())),
            (std::vector<std::string>{
                "number,value,state,datetime_start,datetime_complete,duration,params_lr,params_act,intervals,reason",
                "0,0.1,PRUNED,2026-11-24 02:54:50.000025,2026-11-24 02:54:51.000005,0 days 00:00:00.999980,0.5,"
                "\"say \"\"hi\"\", you\",3,\"a, b\"",
                "1,,RUNNING,2026-11-24 02:54:50.000025,,,1e-05,relu,0,"}));
}

TEST(TrialsJson, KeepsTypesAndGaps) {
  const Json json = trials_json(two_trials());
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["value"], 0.1);
  EXPECT_EQ(json[0]["interval"], 2);
  EXPECT_EQ(json[0]["hyperparameters"].dump(), R"({"lr":0.5,"act":"say \"hi\", you"})");
  EXPECT_TRUE(json[1]["value"].is_null());
  EXPECT_TRUE(json[1]["datetime_complete"].is_null());
}

TEST(BestJson, NamesTrialMetricAndConfiguration) {
  SweepRecord record = two_trials();
  record.test_value = 0.09;
  const Json json = best_json(record);
  EXPECT_EQ(json["trial"], 0);
  EXPECT_EQ(json["metric"], "accuracy");
  EXPECT_EQ(json["goal"], "maximize");
  EXPECT_EQ(json["value"], 0.1);
  EXPECT_EQ(json["interval"], 2);
  EXPECT_EQ(json["test_metric"], 0.09);
  EXPECT_EQ(json["hyperparameters"]["lr"], 0.5);
  EXPECT_EQ(json["seed"], 7);
  EXPECT_NE(json["note"].get<std::string>().find("best of 2 trials on validation data"), std::string::npos);
}

TEST(BestJson, WithoutAFiniteMetricSaysSo) {
  SweepRecord record = two_trials();
  record.trials[0].value.reset();
  const Json json = best_json(record);
  EXPECT_TRUE(json["trial"].is_null());
  EXPECT_TRUE(json["value"].is_null());
  EXPECT_EQ(json["note"], "no trial reported a finite metric");
}

TEST(JsonText, ReplacesBytesThatAreNotUtf8) { EXPECT_EQ(json_text(Json("a\xff"), -1), "\"a\xef\xbf\xbd\""); }

TEST(ExportResults, WritesBothFilesBesideTheDatabase) {
  const TemporaryFolder folder;
  record_five(folder / "out");
  const SweepRecord record = load_results(folder / "out");
  export_results(record);
  EXPECT_EQ(read_text(folder / "out/trials.csv"), trials_csv(record));
  EXPECT_EQ(lines(read_text(folder / "out/trials.csv")).size(), 6u);
  EXPECT_EQ(Json::parse(read_text(folder / "out/best.json")), best_json(record));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / "out"), {}), 3);
}

}  // namespace
}  // namespace lockstep
