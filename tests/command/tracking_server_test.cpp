#include "command/tracking_server.h"

#include <chrono>
#include <cstdlib>
#include <map>
#include <thread>

#include <httplib.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "command/recording_sink.h"

namespace lockstep {
namespace {

using testing::RecordingSink;
using Environment = std::map<std::string, std::string>;

Environment environment(const std::vector<std::string>& entries) {
  Environment result;
  for (const std::string& entry : entries) {
    const size_t equals = entry.find('=');
    result[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  EXPECT_EQ(result.size(), entries.size());
  return result;
}

struct Url {
  std::string host;
  std::string path;
  explicit Url(const std::string& url) : host(url.substr(0, url.find('/', 7))), path(url.substr(host.size())) {}
};

int post(const std::string& url, const std::string& body) {
  const Url to(url);
  httplib::Client client(to.host);
  client.set_read_timeout(60);
  const auto reply = client.Post(to.path, body, "application/json");
  return reply ? reply->status : -1;
}

TEST(TrackingServer, TellsTheProgramWhereToReport) {
  RecordingSink sink;
  TrackingServer server(sink, 2);
  Environment given = environment(server.open(3, "/results/3"));
  EXPECT_EQ(given["MLFLOW_TRACKING_URI"].find("http://127.0.0.1:"), 0u);
  EXPECT_TRUE(given["MLFLOW_TRACKING_URI"].ends_with("/3"));
  EXPECT_EQ(given["MLFLOW_RUN_ID"].size(), 32u);
  EXPECT_EQ(given["NO_PROXY"], given["no_proxy"]);
  EXPECT_TRUE(given["NO_PROXY"].ends_with("127.0.0.1,localhost"));
  EXPECT_EQ(post(given["LOCKSTEP_REPORT_URL"], R"({"metrics": {"accuracy": 0.5}, "step": 2})"), 200);
  EXPECT_EQ(post(given["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/log-metric",
                 R"({"run_id": ")" + given["MLFLOW_RUN_ID"] + R"(", "key": "accuracy", "value": 0.75, "step": 3})"),
            200);
  EXPECT_EQ(sink.texts(), (std::vector<std::string>{"accuracy=0.5@2", "accuracy=0.75@3"}));
  server.close(3);
  EXPECT_EQ(post(given["LOCKSTEP_REPORT_URL"], R"({"metrics": {"accuracy": 0.5}})"), 403);
}

TEST(TrackingServer, AddsToWhatIsReachedWithoutAProxy) {
  setenv("no_proxy", "example.org", 1);
  RecordingSink sink;
  TrackingServer server(sink, 1);
  EXPECT_EQ(environment(server.open(1, "/results/1"))["NO_PROXY"], "example.org,127.0.0.1,localhost");
  unsetenv("no_proxy");
}

TEST(TrackingServer, RepliesWhenItIsDecided) {
  RecordingSink sink;
  TrackingServer server(sink, 2);
  const std::string url = environment(server.open(3, "/results/3"))["LOCKSTEP_REPORT_URL"];
  const std::string other = environment(server.open(4, "/results/4"))["LOCKSTEP_REPORT_URL"];
  sink.hold();
  std::atomic<int> status{0};
  std::thread program([&] { status = post(url, R"({"metrics": {"accuracy": 0.5}})"); });
  sink.wait_for(1);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(status, 0);
  sink.release();
  program.join();
  EXPECT_EQ(status, 200);
  EXPECT_EQ(post(other, R"({"metrics": {"accuracy": 0.6}})"), 200);
}

TEST(TrackingServer, EndsWhenTheSinkLetsGo) {
  RecordingSink sink;
  auto server = std::make_unique<TrackingServer>(sink, 1);
  const std::string url = environment(server->open(3, "/results/3"))["LOCKSTEP_REPORT_URL"];
  sink.hold();
  std::thread program([&] { post(url, R"({"metrics": {"accuracy": 0.5}})"); });
  sink.wait_for(1);
  sink.release();
  const auto start = std::chrono::steady_clock::now();
  server.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  program.join();
}

}  // namespace
}  // namespace lockstep
