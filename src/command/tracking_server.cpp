#include "command/tracking_server.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "command/mlflow_fields.h"
#include "command/tracked_trial.h"
#include "core/random_token.h"

namespace lockstep {

using mlflow::error_reply;

namespace {

constexpr size_t kMaxUnknown = 1000;
constexpr size_t kConnectionsPerTrial = 64;

/// Takes the text up to the next '/' off `path`.
std::string_view next_part(std::string_view& path) {
  const size_t slash = path.find('/');
  const std::string_view part = path.substr(0, slash);
  path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  return part;
}

/// Behind the address of a trial, what names an endpoint of MLflow's: "runs/get". Empty for anything else.
std::string_view mlflow_endpoint(std::string_view rest) {
  for (const std::string_view prefix : {"api/2.0/mlflow/", "ajax-api/2.0/mlflow/"}) {
    if (rest.starts_with(prefix)) return rest.substr(prefix.size());
  }
  return {};
}

/// Who connects to this machine itself must not go by way of a proxy.
std::string without_proxy() {
  std::string value;
  for (const char* name : {"no_proxy", "NO_PROXY"}) {
    const char* set = std::getenv(name);
    if (set && *set && value.empty()) value = std::string(set) + ",";
  }
  return value + "127.0.0.1,localhost";
}

}  // namespace

TrackingRequests::TrackingRequests(MetricSink& sink) : sink_(sink) {}
TrackingRequests::~TrackingRequests() = default;

TrackingRequests::Address TrackingRequests::open(int64_t trial, const std::string& artifact_directory) {
  const Opened opened{random_token(), std::make_shared<TrackedTrial>(sink_, trial, artifact_directory)};
  const std::lock_guard lock(mutex_);
  open_[trial] = opened;
  return {"/t/" + opened.secret + "/" + std::to_string(trial), opened.trial->run_id()};
}

void TrackingRequests::close(int64_t trial) {
  const std::lock_guard lock(mutex_);
  open_.erase(trial);
}

HttpReply TrackingRequests::answer(const HttpRequest& request) {
  std::string_view rest = request.path;
  next_part(rest);  // before the first '/'
  if (next_part(rest) != "t") return error_reply(404, "ENDPOINT_NOT_FOUND", "this address is no trial's");
  const std::string_view secret = next_part(rest);
  const std::string_view id = next_part(rest);
  int64_t number = -1;
  std::from_chars(id.data(), id.data() + id.size(), number);
  std::shared_ptr<TrackedTrial> trial;
  {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(number);
    if (found != open_.end() && found->second.secret == secret) trial = found->second.trial;
  }
  if (!trial) return error_reply(403, "PERMISSION_DENIED", "this trial is over: nothing is taken for it any more");
  if (rest == "report" && request.method == "POST") return trial->report(request.body);
  const std::string_view endpoint = mlflow_endpoint(rest);
  if (!endpoint.empty()) {
    if (const auto reply = trial->answer(request, std::string(endpoint))) return *reply;
  }
  const std::string asked = request.method + " " + std::string(rest);
  {
    const std::lock_guard lock(mutex_);
    if (unknown_.size() < kMaxUnknown) unknown_.push_back(asked);
  }
  return error_reply(404, "ENDPOINT_NOT_FOUND", asked + ": a trial's tracking server does not have this");
}

std::vector<std::string> TrackingRequests::unknown_requests() const {
  const std::lock_guard lock(mutex_);
  return unknown_;
}

TrackingServer::TrackingServer(MetricSink& sink, int n_trials_at_once)
    : requests_(sink),
      listener_([this](const HttpRequest& request) { return requests_.answer(request); },
                kConnectionsPerTrial * (static_cast<size_t>(n_trials_at_once) + 1)) {}

std::vector<std::string> TrackingServer::open(int64_t trial, const std::string& artifact_directory) {
  const auto address = requests_.open(trial, artifact_directory);
  const std::string url = "http://127.0.0.1:" + std::to_string(listener_.port()) + address.path;
  return {
      "MLFLOW_TRACKING_URI=" + url,
      "MLFLOW_RUN_ID=" + address.run_id,
      std::string("MLFLOW_EXPERIMENT_ID=") + TrackedTrial::experiment_id(),
      // A reply is held until it is decided whether the trial goes on, which may hang on slower trials. The client's two
      // minutes would send the same again.
      "MLFLOW_HTTP_REQUEST_TIMEOUT=2592000",
      // With more, values that are logged asynchronously come in any order.
      "MLFLOW_ASYNC_LOGGING_THREADPOOL_SIZE=1",
      "MLFLOW_DISABLE_TELEMETRY=true",
      "DO_NOT_TRACK=true",
      "LOCKSTEP_REPORT_URL=" + url + "/report",
      "NO_PROXY=" + without_proxy(),
      "no_proxy=" + without_proxy(),
  };
}

void TrackingServer::close(int64_t trial) { requests_.close(trial); }

}  // namespace lockstep
