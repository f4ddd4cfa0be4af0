#include "command/tracked_trial.h"

#include <optional>
#include <string_view>

#include <lockstep/error.h>

#include "command/lenient_json.h"
#include "command/mlflow_fields.h"
#include "core/random_token.h"

namespace lockstep {

using Json = nlohmann::json;
using namespace mlflow;

namespace {

constexpr size_t kMaxKeptBytes = size_t{64} << 20;

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', begin)) {
    parts.push_back(path.substr(begin, slash - begin));
    begin = slash + 1;
  }
  parts.push_back(path.substr(begin));
  return parts;
}

/// Whether a path is the one of an endpoint, whose parts in braces may be anything; these become fields of the request.
bool matches_path(std::string_view pattern, const std::string& path, Json& request) {
  const auto wanted = split(std::string(pattern)), given = split(path);
  if (wanted.size() != given.size()) return false;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const bool is_field = wanted[i].starts_with("{");
    if (!is_field && wanted[i] != given[i]) return false;
    if (is_field && given[i].empty()) return false;
  }
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].starts_with("{")) request[wanted[i].substr(1, wanted[i].size() - 2)] = given[i];
  }
  return true;
}

Json request_of(const HttpRequest& request) {
  Json fields = Json::object();
  for (const auto& [key, value] : request.query) {
    if (!fields.contains(key)) {
      fields[key] = value;
      continue;
    }
    if (!fields[key].is_array()) fields[key] = Json::array({fields[key]});
    fields[key].push_back(value);
  }
  if (request.body.empty()) return fields;
  Json body = parse_lenient_json(request.body);
  if (!body.is_object()) throw Refusal{400, "BAD_REQUEST", "the body is no JSON object"};
  fields.update(body);
  return fields;
}

}  // namespace

struct TrackedTrial::Endpoint {
  const char* method;
  const char* path;
  Json (TrackedTrial::*answer)(const Json& request);
};

const std::vector<TrackedTrial::Endpoint>& TrackedTrial::endpoints() {
  using T = TrackedTrial;
  static const std::vector<Endpoint> all = {
      {"GET", "runs/get", &T::get_run},
      {"POST", "runs/create", &T::create_run},
      {"POST", "runs/update", &T::update_run},
      {"POST", "runs/delete", &T::delete_run},
      {"POST", "runs/restore", &T::restore_run},
      {"POST", "runs/search", &T::search_runs},
      {"POST", "runs/log-metric", &T::log_metric},
      {"POST", "runs/log-batch", &T::log_batch},
      {"POST", "runs/log-parameter", &T::log_parameter},
      {"POST", "runs/set-tag", &T::set_tag},
      {"POST", "runs/delete-tag", &T::delete_tag},
      {"POST", "runs/log-inputs", &T::log_inputs},
      {"POST", "runs/outputs", &T::log_outputs},
      {"POST", "runs/log-model", &T::log_model_2},
      {"GET", "metrics/get-history", &T::get_metric_history},
      {"GET", "experiments/get", &T::get_experiment},
      {"GET", "experiments/get-by-name", &T::get_experiment_by_name},
      {"GET", "experiments/search", &T::search_experiments},
      {"POST", "experiments/search", &T::search_experiments},
      {"POST", "experiments/create", &T::create_experiment},
      {"POST", "experiments/set-experiment-tag", &T::set_experiment_tag},
      {"POST", "experiments/delete-experiment-tag", &T::delete_experiment_tag},
      {"POST", "logged-models", &T::create_logged_model},
      {"POST", "logged-models/search", &T::search_logged_models},
      {"GET", "logged-models/{model_id}", &T::get_logged_model},
      {"PATCH", "logged-models/{model_id}", &T::finish_logged_model},
      {"DELETE", "logged-models/{model_id}", &T::delete_logged_model},
      {"POST", "logged-models/{model_id}/params", &T::log_model_params},
      {"PATCH", "logged-models/{model_id}/tags", &T::set_model_tags},
      {"DELETE", "logged-models/{model_id}/tags/{tag_key}", &T::delete_model_tag},
      {"POST", "registered-models/create", &T::register_model},
      {"GET", "registered-models/get", &T::get_registered_model},
      {"GET", "registered-models/get-latest-versions", &T::get_latest_versions},
      {"POST", "registered-models/get-latest-versions", &T::get_latest_versions},
      {"GET", "registered-models/search", &T::search_registered_models},
      {"POST", "registered-models/set-tag", &T::set_registered_model_tag},
      {"POST", "registered-models/alias", &T::set_model_alias},
      {"GET", "registered-models/alias", &T::get_model_alias},
      {"POST", "model-versions/create", &T::create_model_version},
      {"GET", "model-versions/get", &T::get_model_version},
      {"GET", "model-versions/get-download-uri", &T::get_model_version_uri},
      {"PATCH", "model-versions/update", &T::update_model_version},
      {"POST", "model-versions/transition-stage", &T::update_model_version},
      {"POST", "model-versions/set-tag", &T::set_model_version_tag},
  };
  return all;
}

TrackedTrial::TrackedTrial(MetricSink& sink, int64_t trial, const std::string& artifact_directory)
    : sink_(sink), trial_(trial), artifact_uri_(file_uri(artifact_directory)), run_id_(random_token()), created_ms_(now_ms()) {
  add_run(run_id_, artifact_uri_).name = "trial-" + std::to_string(trial);
}

std::optional<HttpReply> TrackedTrial::answer(const HttpRequest& request, const std::string& path) {
  try {
    Json fields = request_of(request);
    for (const Endpoint& endpoint : endpoints()) {
      if (request.method == endpoint.method && matches_path(endpoint.path, path, fields)) return call(endpoint, fields);
    }
    return std::nullopt;
  } catch (const Refusal& refusal) {
    return error_reply(refusal.status, refusal.code, refusal.message);
  } catch (const InputError& error) {
    return error_reply(400, "INVALID_PARAMETER_VALUE", error.what());
  } catch (const std::exception& error) {  // memory, a field of another type
    return error_reply(400, "BAD_REQUEST", error.what());
  }
}

HttpReply TrackedTrial::call(const Endpoint& endpoint, const Json& request) {
  const bool logs = endpoint.answer == &TrackedTrial::log_metric || endpoint.answer == &TrackedTrial::log_batch;
  std::unique_lock order(logging_, std::defer_lock);
  if (logs) order.lock();
  Json reply;
  std::vector<LoggedMetric> fresh;
  {
    const std::lock_guard lock(mutex_);
    fresh_.clear();
    reply = (this->*endpoint.answer)(request);
    fresh.swap(fresh_);
  }
  if (!fresh.empty()) sink_.log(trial_, fresh, true);
  return reply_of(reply);
}

HttpReply TrackedTrial::report(const std::string& body) {
  try {
    const Json request = parse_lenient_json(body);
    const auto metrics = request.is_object() ? request.find("metrics") : request.end();
    if (!request.is_object() || metrics == request.end() || !metrics->is_object() || metrics->empty()) {
      refuse(R"(a report is such as {"metrics": {"accuracy": 0.93}, "step": 5})");
    }
    std::optional<int64_t> step;
    if (request.contains("step") && !request["step"].is_null()) step = integer_or(request, "step", 0);
    std::vector<LoggedMetric> logged;
    for (const auto& [name, value] : metrics->items()) logged.push_back({name, number(*metrics, name.c_str()), step});
    const std::lock_guard order(logging_);
    sink_.log(trial_, logged, true);
    return {};
  } catch (const Refusal& refusal) {
    return error_reply(refusal.status, refusal.code, refusal.message);
  } catch (const std::exception& error) {
    return error_reply(400, "BAD_REQUEST", error.what());
  }
}

void TrackedTrial::keep(size_t bytes) {
  if (kept_bytes_ + bytes > kMaxKeptBytes) {
    throw Refusal{400, "INVALID_STATE", "this trial has logged 64 MiB of names and texts; log less"};
  }
  kept_bytes_ += bytes;
}

TrackedRun& TrackedTrial::add_run(const std::string& id, const std::string& artifact_uri) {
  keep(sizeof(TrackedRun) + 512);
  TrackedRun& run = runs_[id];
  run.id = id;
  run.artifact_uri = artifact_uri;
  run.start_ms = now_ms();
  return run;
}

TrackedRun& TrackedTrial::run(const Json& request) {
  const std::string id = text_or(request, "run_id", text_or(request, "run_uuid", ""));
  const auto found = runs_.find(id);
  if (found == runs_.end()) refuse_missing("there is no run '" + id + "' in this trial");
  return found->second;
}

void TrackedTrial::log(TrackedRun& run, const std::string& key, const MetricPoint& point) {
  if (!seen_.add(run.id, key, point)) return;
  // Beyond what can be kept, it counts still, and cannot be asked for.
  if (kept_bytes_ + key.size() < kMaxKeptBytes) run.add(key, point, kept_bytes_);
  if (run.is_nested()) return;
  // The clients send 0 where the script named no step.
  fresh_.push_back({key, point.value, point.step == 0 ? std::nullopt : std::optional(point.step)});
}

// Experiments.

Json TrackedTrial::experiment() const {
  Json tags = Json::array();
  for (const auto& [key, value] : experiment_tags_) tags.push_back({{"key", key}, {"value", value}});
  return {{"experiment_id", experiment_id()}, {"name", experiment_name_},       {"artifact_location", artifact_uri_},
          {"lifecycle_stage", "active"},      {"creation_time", created_ms_}, {"last_update_time", created_ms_},
          {"tags", tags}};
}

Json TrackedTrial::search_experiments(const Json&) { return {{"experiments", Json::array({experiment()})}}; }

Json TrackedTrial::get_experiment(const Json& request) {
  if (text(request, "experiment_id") != experiment_id()) refuse_missing("a trial has one experiment, 0");
  return {{"experiment", experiment()}};
}

Json TrackedTrial::get_experiment_by_name(const Json& request) {
  experiment_name_ = text(request, "experiment_name");
  return {{"experiment", experiment()}};
}

Json TrackedTrial::create_experiment(const Json& request) {
  experiment_name_ = text(request, "name");
  return {{"experiment_id", experiment_id()}};
}

Json TrackedTrial::set_experiment_tag(const Json& request) {
  const std::string key = text(request, "key"), value = text_or(request, "value", "");
  keep(key.size() + value.size() + 64);
  experiment_tags_[key] = value;
  return Json::object();
}

Json TrackedTrial::delete_experiment_tag(const Json& request) {
  experiment_tags_.erase(text(request, "key"));
  return Json::object();
}

}  // namespace lockstep
