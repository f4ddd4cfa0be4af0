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

TEST(CurvesCsv, HasALineAReport) {
  const Reports reports = {{0, {0.1, kNan, -kInfinity}}, {7, {1}}};
  EXPECT_EQ(curves_csv(two_trials(), reports), "trial,interval,value\n0,1,0.1\n0,2,nan\n0,3,-inf\n")
      << "trial 7 is none of the record's";
}

TEST(ExportCsv, MakesItsFolder) {
  const TemporaryFolder folder;
  export_csv(two_trials(), {{1, {0.25}}}, folder / "deep/er");
  EXPECT_EQ(read_text(folder / "deep/er/trials.csv"), trials_csv(two_trials()));
  EXPECT_EQ(read_text(folder / "deep/er/curves.csv"), "trial,interval,value\n1,1,0.25\n");
}

TEST(ExportJson, HoldsSweepTrialsAndCurves) {
  const TemporaryFolder folder;
  SweepRecord record = two_trials();
  record.search_space = SearchSpace().add("lr\"<script>\n", uniform(0, 1)).add("act", choice({"relu", Value::List{1}}));
  record.trials[1].hyperparameters[1] = Value::List{1};
  export_json(record, {{0, {0.1, kNan}}}, folder / "sweep.json");
  const Json json = Json::parse(read_text(folder / "sweep.json"));
  EXPECT_EQ(json["sweep"]["metric"], "accuracy");
  EXPECT_EQ(json["sweep"]["value"], 0.1);
  ASSERT_EQ(json["trials"].size(), 2u);
  EXPECT_EQ(json["trials"][0]["state"], "PRUNED");
  EXPECT_EQ(json["trials"][0]["params_lr\"<script>\n"], 0.5);
  EXPECT_EQ(json["trials"][1]["params_act"], Json::array({1}));
  EXPECT_EQ(json["curves"], Json::parse(R"([{"trial": 0, "values": [0.1, null]}])"));
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
