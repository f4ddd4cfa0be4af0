// Runs a program as a trial of a tracking server alone, without a sweep, for the tests of MLflow's clients:
//
//   tracking_host FOLDER COMMAND [ARGUMENT...]
//
// Every report is held for a while before it is replied to. At the end it prints JSON: the program's exit code, the
// metrics in their order with the time when each was let go, and what was asked that there is no answer to. FOLDER gets
// the artifacts and the stand-in for azureml-core, which is put before what PYTHONPATH has.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "command/python_shim.h"
#include "command/tracking_server.h"

namespace lockstep {
namespace {

constexpr auto kHold = std::chrono::milliseconds(20);

class HoldingSink : public MetricSink {
 public:
  void log(int64_t trial, const std::vector<LoggedMetric>& metrics, bool hold) override {
    const std::lock_guard lock(mutex_);
    if (hold) std::this_thread::sleep_for(kHold);
    const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    for (const LoggedMetric& metric : metrics) {
      nlohmann::json each = {{"name", metric.name}, {"value", metric.value}, {"step", nullptr}, {"released", now}};
      if (!std::isfinite(metric.value)) each["value"] = std::to_string(metric.value);
      if (metric.step) each["step"] = *metric.step;
      logged_.push_back(each);
    }
  }
  nlohmann::json logged() const { return logged_; }

 private:
  std::mutex mutex_;
  nlohmann::json logged_ = nlohmann::json::array();
};

int run(char** command, std::vector<std::string> environment) {
  for (char** entry = environ; *entry; ++entry) {
    const std::string name(*entry, std::strcspn(*entry, "=") + 1);
    const auto is_given = [&name](const std::string& each) { return each.starts_with(name); };
    if (std::ranges::none_of(environment, is_given)) environment.emplace_back(*entry);
  }
  std::vector<char*> pointers;
  for (std::string& entry : environment) pointers.push_back(entry.data());
  pointers.push_back(nullptr);
  pid_t child = 0;
  if (const int failure = posix_spawnp(&child, command[0], nullptr, nullptr, command, pointers.data())) {
    std::fprintf(stderr, "tracking_host: %s: %s\n", command[0], std::strerror(failure));
    return 127;
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int host(const std::string& folder, char** command) {
  HoldingSink sink;
  TrackingServer server(sink, 1);
  write_python_shim(folder + "/python");
  const char* path = std::getenv("PYTHONPATH");
  auto environment = server.open(1, folder + "/artifacts");
  environment.push_back("PYTHONPATH=" + folder + "/python" + (path ? ":" + std::string(path) : ""));
  environment.push_back("LOCKSTEP_OUTPUTS=" + folder + "/outputs");
  const int exit_code = run(command, environment);
  server.close(1);
  const nlohmann::json result = {{"exit_code", exit_code}, {"metrics", sink.logged()}, {"unknown", server.unknown_requests()}};
  std::printf("%s\n", result.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace lockstep

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: tracking_host FOLDER COMMAND [ARGUMENT...]\n");
    return 2;
  }
  return lockstep::host(argv[1], argv + 2);
}
