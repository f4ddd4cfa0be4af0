#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "command/recording_sink.h"
#include "command/tracking_server.h"

namespace lockstep {
namespace {

using Json = nlohmann::json;
using testing::RecordingSink;
using Texts = std::vector<std::string>;

class TrackingRequestsTest : public ::testing::Test {
 protected:
  Json call(const std::string& method, const std::string& endpoint, const Json& body, int status = 200) {
    HttpRequest request{method, address_.path + "/api/2.0/mlflow/" + endpoint, {}, ""};
    if (method == "GET") {
      for (const auto& [key, value] : body.items()) request.query.emplace(key, value.is_string() ? value.get<std::string>() : value.dump());
    } else {
      request.body = body.dump();
    }
    const HttpReply reply = requests_.answer(request);
    EXPECT_EQ(reply.status, status) << method << " " << endpoint << ": " << reply.body;
    const Json json = Json::parse(reply.body);
    if (status != 200) {
      EXPECT_TRUE(json.contains("error_code") && json.contains("message")) << reply.body;
    }
    return json;
  }
  void log(const std::string& key, const Json& value, int64_t step, int64_t timestamp = 1, const std::string& run = "") {
    call("POST", "runs/log-metric",
         {{"run_id", run.empty() ? address_.run_id : run}, {"key", key}, {"value", value}, {"step", step}, {"timestamp", timestamp}});
  }
  Json run_data(const std::string& run) { return call("GET", "runs/get", {{"run_id", run}})["run"]["data"]; }
  std::string create_run(const Json& tags = Json::array()) {
    return call("POST", "runs/create", {{"experiment_id", "0"}, {"tags", tags}, {"start_time", 5}})["run"]["info"]["run_id"];
  }
  HttpReply report(const std::string& body) { return requests_.answer({"POST", address_.path + "/report", {}, body}); }

  RecordingSink sink_;
  TrackingRequests requests_{sink_};
  TrackingRequests::Address address_ = requests_.open(7, "/results/trial 7");
};

TEST_F(TrackingRequestsTest, GivesTheRunItOpened) {
  const Json info = call("GET", "runs/get", {{"run_id", address_.run_id}})["run"]["info"];
  EXPECT_EQ(info["run_id"], address_.run_id);
  EXPECT_EQ(info["experiment_id"], "0");
  EXPECT_EQ(info["status"], "RUNNING");
  EXPECT_EQ(info["lifecycle_stage"], "active");
  EXPECT_EQ(info["artifact_uri"], "file:///results/trial%207");
  EXPECT_GT(info["start_time"], 1'600'000'000'000);
}

TEST_F(TrackingRequestsTest, MetricsGoToTheSinkWithTheirSteps) {
  log("accuracy", 0.5, 0);
  log("accuracy", 0.75, 3);
  log("loss", "NaN", 3);
  log("loss", "-Infinity", 4);
  EXPECT_EQ(sink_.texts(), (Texts{"accuracy=0.5", "accuracy=0.75@3", "loss=nan@3", "loss=-inf@4"}));
  for (const auto& [trial, metric] : sink_.logged()) EXPECT_EQ(trial, 7);
}

TEST_F(TrackingRequestsTest, AnswersWithWhatWasLogged) {
  log("accuracy", 0.5, 1, 10);
  log("accuracy", 0.75, 2, 11);
  log("loss", "NaN", 2);
  call("POST", "runs/log-parameter", {{"run_id", address_.run_id}, {"key", "lr"}, {"value", "0.1"}});
  call("POST", "runs/set-tag", {{"run_id", address_.run_id}, {"key", "stage"}, {"value", "test"}});
  const Json data = run_data(address_.run_id);
  EXPECT_EQ(data["params"], Json::parse(R"([{"key": "lr", "value": "0.1"}])"));
  EXPECT_EQ(data["tags"], Json::parse(R"([{"key": "stage", "value": "test"}])"));
  EXPECT_EQ(data["metrics"], Json::parse(R"([{"key": "accuracy", "value": 0.75, "step": 2, "timestamp": 11},
                                             {"key": "loss", "value": "NaN", "step": 2, "timestamp": 1}])"));
  const Json history = call("GET", "metrics/get-history", {{"run_id", address_.run_id}, {"metric_key", "accuracy"}});
  ASSERT_EQ(history["metrics"].size(), 2u);
  EXPECT_EQ(history["metrics"][0]["value"], 0.5);
  const Json first = call("GET", "metrics/get-history", {{"run_id", address_.run_id}, {"metric_key", "accuracy"}, {"max_results", 1}});
  ASSERT_EQ(first["metrics"].size(), 1u);
  const Json second = call("GET", "metrics/get-history", {{"run_id", address_.run_id}, {"metric_key", "accuracy"}, {"max_results", 1},
                                                          {"page_token", first["next_page_token"]}});
  EXPECT_EQ(second["metrics"][0]["value"], 0.75);
  EXPECT_FALSE(second.contains("next_page_token"));
  call("POST", "runs/delete-tag", {{"run_id", address_.run_id}, {"key", "stage"}});
  call("POST", "runs/delete-tag", {{"run_id", address_.run_id}, {"key", "stage"}}, 404);
  EXPECT_EQ(run_data(address_.run_id)["tags"], Json::array());
}

TEST_F(TrackingRequestsTest, ABatchCountsInTheOrderOfItsSteps) {
  Json metrics = Json::array();
  for (const int step : {2, 0, 1, 2}) {
    metrics.push_back({{"key", metrics.size() < 3 ? "a" : "b"}, {"value", step}, {"step", step}, {"timestamp", 1}});
  }
  call("POST", "runs/log-batch",
       {{"run_id", address_.run_id}, {"metrics", metrics}, {"params", {{{"key", "p"}, {"value", "1"}}}}, {"tags", {{{"key", "t"}, {"value", "2"}}}}});
  EXPECT_EQ(sink_.texts(), (Texts{"a=0", "a=1@1", "a=2@2", "b=2@2"}));
  EXPECT_EQ(run_data(address_.run_id)["params"][0]["value"], "1");
  EXPECT_EQ(run_data(address_.run_id)["tags"][0]["value"], "2");
}

TEST_F(TrackingRequestsTest, OfABadBatchNothingCounts) {
  const Json good = {{"key", "a"}, {"value", 1}, {"step", 1}, {"timestamp", 1}};
  for (const char* bad : {R"({"key": "a", "value": "high"})", R"({"value": 1})", R"({"key": "a"})", R"({"key": "a", "value": 1, "step": 0.5})", "3"}) {
    call("POST", "runs/log-batch", {{"run_id", address_.run_id}, {"metrics", {good, Json::parse(bad)}}}, 400);
  }
  call("POST", "runs/log-batch", {{"run_id", address_.run_id}, {"metrics", "all"}}, 400);
  EXPECT_TRUE(sink_.logged().empty());
}

TEST_F(TrackingRequestsTest, WhatIsSentAgainCountsOnce) {
  for (int i = 0; i < 3; ++i) log("accuracy", 0.5, 1, 10);
  log("accuracy", 0.5, 1, 11);
  EXPECT_EQ(sink_.texts(), (Texts{"accuracy=0.5@1", "accuracy=0.5@1"}));
}

TEST_F(TrackingRequestsTest, WhatIsSentAgainWaitsForTheDecisionToo) {
  sink_.hold();
  std::thread first([&] { log("accuracy", 0.5, 1); });
  sink_.wait_for(1);
  std::atomic<bool> answered{false};
  std::thread second([&] {
    log("accuracy", 0.5, 1);
    answered = true;
  });
  EXPECT_EQ(run_data(address_.run_id)["metrics"][0]["value"], 0.5) << "what only reads is not held";
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(answered);
  sink_.release();
  first.join();
  second.join();
  EXPECT_EQ(sink_.logged().size(), 1u);
}

TEST_F(TrackingRequestsTest, RunsThatTheProgramOpensCountUnlessTheyAreInsideOfOthers) {
  const std::string own = create_run();
  const std::string nested = create_run({{{"key", "mlflow.parentRunId"}, {"value", address_.run_id}}});
  log("accuracy", 0.5, 1, 1, own);
  log("accuracy", 0.9, 1, 1, nested);
  EXPECT_EQ(sink_.texts(), Texts{"accuracy=0.5@1"});
  EXPECT_EQ(run_data(nested)["metrics"][0]["value"], 0.9);
  const Json found = call("POST", "runs/search", {{"experiment_ids", {"0"}}, {"filter", "tags.mlflow.parentRunId = '" + address_.run_id + "'"}});
  ASSERT_EQ(found["runs"].size(), 1u);
  EXPECT_EQ(found["runs"][0]["info"]["run_id"], nested);
  EXPECT_EQ(call("POST", "runs/search", {{"order_by", {"metrics.accuracy DESC"}}})["runs"][0]["info"]["run_id"], nested);
  call("POST", "runs/search", {{"filter", "nonsense"}}, 400);
  call("POST", "runs/delete", {{"run_id", own}});
  EXPECT_EQ(call("POST", "runs/search", Json::object())["runs"].size(), 2u);
}

TEST_F(TrackingRequestsTest, UpdatesRunsAndBelievesNoStatus) {
  const Json info =
      call("POST", "runs/update", {{"run_id", address_.run_id}, {"status", "FAILED"}, {"end_time", 99}, {"run_name", "mine"}})["run_info"];
  EXPECT_EQ(info["status"], "FAILED");
  EXPECT_EQ(info["end_time"], 99);
  EXPECT_EQ(info["run_name"], "mine");
  log("accuracy", 0.5, 1);
  EXPECT_EQ(sink_.logged().size(), 1u);
}

TEST_F(TrackingRequestsTest, AnyExperimentIsThisOne) {
  EXPECT_EQ(call("GET", "experiments/get-by-name", {{"experiment_name", "digits"}})["experiment"]["experiment_id"], "0");
  EXPECT_EQ(call("POST", "experiments/create", {{"name", "other"}})["experiment_id"], "0");
  EXPECT_EQ(call("GET", "experiments/get", {{"experiment_id", "0"}})["experiment"]["name"], "other");
  EXPECT_EQ(call("POST", "experiments/search", Json::object())["experiments"].size(), 1u);
  call("GET", "experiments/get", {{"experiment_id", "1"}}, 404);
}

TEST_F(TrackingRequestsTest, KeepsLoggedModels) {
  const Json model = call("POST", "logged-models", {{"experiment_id", "0"}, {"name", "model"}, {"source_run_id", address_.run_id},
                                                    {"tags", {{{"key", "a"}, {"value", "1"}}}}})["model"];
  const std::string id = model["info"]["model_id"];
  EXPECT_EQ(model["info"]["status"], "LOGGED_MODEL_PENDING");
  EXPECT_EQ(call("PATCH", "logged-models/" + id, {{"model_id", id}, {"status", "LOGGED_MODEL_READY"}})["model"]["info"]["status"], "LOGGED_MODEL_READY");
  call("PATCH", "logged-models/" + id + "/tags", {{"tags", {{{"key", "a"}, {"value", "2"}}, {{"key", "b"}, {"value", "3"}}}}});
  call("DELETE", "logged-models/" + id + "/tags/b", Json::object());
  call("POST", "logged-models/" + id + "/params", {{"params", {{{"key", "p"}, {"value", "4"}}}}});
  const Json now = call("GET", "logged-models/" + id, Json::object())["model"];
  EXPECT_EQ(now["info"]["tags"], Json::parse(R"([{"key": "a", "value": "2"}])"));
  EXPECT_EQ(now["data"]["params"], Json::parse(R"([{"key": "p", "value": "4"}])"));
  call("POST", "runs/outputs", {{"run_id", address_.run_id}, {"models", {{{"model_id", id}, {"step", 1}}}}});
  EXPECT_EQ(call("POST", "logged-models/search", Json::object())["models"].size(), 1u);
  call("GET", "logged-models/m-nothing", Json::object(), 404);
  EXPECT_TRUE(requests_.unknown_requests().empty());
}

TEST_F(TrackingRequestsTest, KeepsARegistryOfTheTrial) {
  const std::string id = call("POST", "logged-models", {{"name", "model"}, {"source_run_id", address_.run_id}})["model"]["info"]["model_id"];
  call("POST", "registered-models/create", {{"name", "iris"}, {"tags", {{{"key", "a"}, {"value", "b"}}}}});
  EXPECT_EQ(call("POST", "registered-models/create", {{"name", "iris"}}, 400)["error_code"], "RESOURCE_ALREADY_EXISTS");
  EXPECT_EQ(call("POST", "model-versions/create", {{"name", "iris"}, {"source", "file:///a"}, {"run_id", "r"}})["model_version"]["version"], "1");
  const Json second = call("POST", "model-versions/create", {{"name", "iris"}, {"source", "models:/" + id}, {"model_id", id}})["model_version"];
  EXPECT_EQ(second["version"], "2");
  EXPECT_EQ(second["run_id"], address_.run_id);
  EXPECT_EQ(call("GET", "model-versions/get-download-uri", {{"name", "iris"}, {"version", "1"}})["artifact_uri"], "file:///a");
  EXPECT_EQ(call("GET", "model-versions/get-download-uri", {{"name", "iris"}, {"version", "2"}})["artifact_uri"], "file:///results/trial%207/models/" + id);
  call("POST", "registered-models/alias", {{"name", "iris"}, {"alias", "best"}, {"version", "1"}});
  EXPECT_EQ(call("GET", "registered-models/alias", {{"name", "iris"}, {"alias", "best"}})["model_version"]["version"], "1");
  call("GET", "registered-models/alias", {{"name", "iris"}, {"alias", "worst"}}, 404);
  call("POST", "model-versions/transition-stage", {{"name", "iris"}, {"version", "2"}, {"stage", "Production"}});
  call("POST", "model-versions/set-tag", {{"name", "iris"}, {"version", "2"}, {"key", "k"}, {"value", "v"}});
  call("POST", "registered-models/set-tag", {{"name", "iris"}, {"key", "a"}, {"value", "c"}});
  const Json model = call("GET", "registered-models/get", {{"name", "iris"}})["registered_model"];
  EXPECT_EQ(model["tags"], Json::parse(R"([{"key": "a", "value": "c"}])"));
  ASSERT_EQ(model["latest_versions"].size(), 1u);
  EXPECT_EQ(model["latest_versions"][0]["current_stage"], "Production");
  EXPECT_EQ(model["latest_versions"][0]["tags"], Json::parse(R"([{"key": "k", "value": "v"}])"));
  EXPECT_EQ(call("GET", "registered-models/search", Json::object())["registered_models"].size(), 1u);
  EXPECT_EQ(call("POST", "registered-models/get-latest-versions", {{"name", "iris"}})["model_versions"].size(), 1u);
  call("GET", "model-versions/get", {{"name", "iris"}, {"version", "3"}}, 404);
  call("GET", "registered-models/get", {{"name", "other"}}, 404);
  EXPECT_TRUE(requests_.unknown_requests().empty());
}

TEST_F(TrackingRequestsTest, TakesOnlyItsOwnRuns) {
  const auto other = requests_.open(8, "/results/8");
  call("GET", "runs/get", {{"run_id", other.run_id}}, 404);
  call("POST", "runs/log-metric", {{"run_id", other.run_id}, {"key", "a"}, {"value", 1}}, 404);
  // Another's secret does not open this trial.
  const std::string secret = other.path.substr(3, 32);
  EXPECT_EQ(requests_.answer({"GET", "/t/" + secret + "/7/api/2.0/mlflow/runs/search", {}, ""}).status, 403);
  EXPECT_TRUE(sink_.logged().empty());
}

TEST_F(TrackingRequestsTest, ATrialThatIsOverIsToldSo) {
  requests_.close(7);
  EXPECT_NE(call("POST", "runs/log-metric", {{"run_id", address_.run_id}, {"key", "a"}, {"value", 1}}, 403)["message"].get<std::string>().find("over"),
            std::string::npos);
  EXPECT_EQ(report(R"({"metrics": {"a": 1}})").status, 403);
  const auto again = requests_.open(7, "/results/7");
  EXPECT_NE(again.path, address_.path);
  EXPECT_EQ(report(R"({"metrics": {"a": 1}})").status, 403) << "the address of before";
  EXPECT_TRUE(sink_.logged().empty());
}

TEST_F(TrackingRequestsTest, WhatThereIsNotIsRefusedAndRemembered) {
  EXPECT_EQ(call("GET", "gateway/routes", Json::object(), 404)["error_code"], "ENDPOINT_NOT_FOUND");
  call("GET", "runs/log-metric", Json::object(), 404);  // another method
  EXPECT_EQ(requests_.answer({"GET", address_.path + "/runs/get", {}, ""}).status, 404);
  EXPECT_EQ(requests_.answer({"GET", address_.path + "/api/2.0/mlflow/", {}, ""}).status, 404);
  EXPECT_EQ(requests_.unknown_requests(), (Texts{"GET api/2.0/mlflow/gateway/routes", "GET api/2.0/mlflow/runs/log-metric", "GET runs/get",
                                                 "GET api/2.0/mlflow/"}));
  for (const char* path : {"", "/", "t", "/t", "/t/", "/t/x", "/t/x/7", "/t/x/7/report", "/other", "//t", "/t/x/99999999999999999999/report"}) {
    const int status = requests_.answer({"POST", path, {}, "{}"}).status;
    EXPECT_TRUE(status == 404 || status == 403) << path;
  }
  for (int i = 0; i < 2000; ++i) requests_.answer({"GET", address_.path + "/x", {}, ""});
  EXPECT_EQ(requests_.unknown_requests().size(), 1000u);
}

TEST_F(TrackingRequestsTest, BodiesThatAreNoneAreRefused) {
  for (const char* body : {"{", "[]", "3", "\"x\"", "\xff\xfe", "{\"run_id\": 3}", "{\"run_id\": {}}", "null"}) {
    HttpRequest request{"POST", address_.path + "/api/2.0/mlflow/runs/log-batch", {}, body};
    const int status = requests_.answer(request).status;
    EXPECT_TRUE(status == 400 || status == 404) << body << " " << status;
  }
  // A name that is no UTF-8 comes back in an error that is JSON.
  HttpRequest request{"GET", address_.path + "/api/2.0/mlflow/runs/get", {{"run_id", "\xff"}}, ""};
  EXPECT_TRUE(Json::parse(requests_.answer(request).body).contains("message"));
}

TEST_F(TrackingRequestsTest, ReportsInOurOwnForm) {
  EXPECT_EQ(report(R"({"metrics": {"accuracy": 0.93, "loss": NaN, "b": "Infinity"}, "step": 5})").status, 200);
  EXPECT_EQ(report(R"({"metrics": {"accuracy": 0.94}})").status, 200);
  EXPECT_EQ(report(R"({"metrics": {"accuracy": 0.94}, "step": null})").status, 200);
  EXPECT_EQ(sink_.texts(), (Texts{"accuracy=0.93@5", "b=inf@5", "loss=nan@5", "accuracy=0.94", "accuracy=0.94"}));
  for (const char* body : {"", "{}", "[]", R"({"metrics": {}})", R"({"metrics": 3})", R"({"metrics": {"a": "high"}})", R"({"metrics": {"a": 1}, "step": "x"})"}) {
    EXPECT_EQ(report(body).status, 400) << body;
  }
  EXPECT_EQ(sink_.logged().size(), 5u);
}

TEST_F(TrackingRequestsTest, WhatIsKeptIsBoundedAndMetricsCountOn) {
  const std::string text(1 << 20, 'x');
  for (int i = 0; i < 60; ++i) call("POST", "runs/set-tag", {{"run_id", address_.run_id}, {"key", "t" + std::to_string(i)}, {"value", text}});
  Json batch = Json::array();
  for (int i = 0; i < 9; ++i) batch.push_back({{"key", "u" + std::to_string(i)}, {"value", text}});
  call("POST", "runs/log-batch", {{"run_id", address_.run_id}, {"tags", batch}}, 400);
  for (int i = 0; i < 2'000; ++i) log("metric " + std::to_string(i), i, 1);
  EXPECT_EQ(sink_.logged().size(), 2'000u);
}

}  // namespace
}  // namespace lockstep
