// Runs, as MLflow's clients ask for them.
#include <algorithm>
#include <utility>

#include "command/mlflow_fields.h"
#include "command/tracked_trial.h"
#include "core/random_token.h"

namespace lockstep {

using Json = nlohmann::json;
using namespace mlflow;

Json TrackedTrial::create_run(const Json& request) {
  const std::string id = random_token();
  TrackedRun& run = add_run(id, artifact_uri_ + "/" + id);
  for (const Json& tag : objects(request, "tags")) {
    const std::string key = text(tag, "key"), value = text_or(tag, "value", "");
    keep(key.size() + value.size() + 64);
    run.tags[key] = value;
  }
  const auto named = run.tags.find("mlflow.runName");
  run.name = text_or(request, "run_name", named != run.tags.end() ? named->second : "run-" + std::to_string(runs_.size()));
  run.user = text_or(request, "user_id", "");
  run.start_ms = integer_or(request, "start_time", run.start_ms);
  run.tags.try_emplace("mlflow.runName", run.name);
  return {{"run", run.to_json()}};
}

Json TrackedTrial::get_run(const Json& request) { return {{"run", run(request).to_json()}}; }

Json TrackedTrial::update_run(const Json& request) {
  TrackedRun& updated = run(request);
  updated.status = text_or(request, "status", updated.status);
  if (request.contains("end_time")) updated.end_ms = integer_or(request, "end_time", 0);
  if (const std::string name = text_or(request, "run_name", ""); !name.empty()) {
    keep(2 * name.size());
    updated.name = name;
    updated.tags["mlflow.runName"] = name;
  }
  return {{"run_info", updated.info()}};
}

Json TrackedTrial::delete_run(const Json& request) {
  run(request).lifecycle_stage = "deleted";
  return Json::object();
}

Json TrackedTrial::restore_run(const Json& request) {
  run(request).lifecycle_stage = "active";
  return Json::object();
}

Json TrackedTrial::search_runs(const Json& request) {
  const std::string filter = text_or(request, "filter", "");
  const std::string view = text_or(request, "run_view_type", "ACTIVE_ONLY");
  std::vector<const TrackedRun*> found;
  for (const auto& [id, run] : runs_) {
    const bool is_viewed = view == "ALL" || (view == "DELETED_ONLY") == (run.lifecycle_stage == "deleted");
    if (matches(run, filter) && is_viewed) found.push_back(&run);
  }
  sort_runs(found, texts(request, "order_by"));
  std::vector<Json> all;
  for (const TrackedRun* run : found) all.push_back(run->to_json());
  return page(all, request, "runs", 1000);
}

Json TrackedTrial::get_metric_history(const Json& request) {
  const TrackedRun& of = run(request);
  const std::string key = text(request, "metric_key");
  std::vector<Json> points;
  if (const auto found = of.metrics.find(key); found != of.metrics.end()) {
    for (const MetricPoint& point : found->second.history) points.push_back(to_json(key, point));
  }
  return page(points, request, "metrics", 50'000);
}

Json TrackedTrial::log_metric(const Json& request) {
  TrackedRun& to = run(request);
  log(to, text(request, "key"), point_of(request));
  return Json::object();
}

Json TrackedTrial::log_batch(const Json& request) {
  TrackedRun& to = run(request);
  // All is read before any of it counts.
  std::vector<std::pair<std::string, MetricPoint>> points;
  for (const Json& metric : objects(request, "metrics")) points.emplace_back(text(metric, "key"), point_of(metric));
  for (const bool are_tags : {false, true}) {
    for (const Json& each : objects(request, are_tags ? "tags" : "params")) {
      const std::string key = text(each, "key"), value = text_or(each, "value", "");
      keep(key.size() + value.size() + 64);
      (are_tags ? to.tags : to.params)[key] = value;
    }
  }
  // One batch may carry many intervals, in no order.
  std::ranges::stable_sort(points, {}, [](const auto& each) { return each.second.step; });
  for (const auto& [key, point] : points) log(to, key, point);
  return Json::object();
}

Json TrackedTrial::log_parameter(const Json& request) {
  const std::string key = text(request, "key"), value = text_or(request, "value", "");
  TrackedRun& to = run(request);
  keep(key.size() + value.size() + 64);
  to.params[key] = value;
  return Json::object();
}

Json TrackedTrial::set_tag(const Json& request) {
  const std::string key = text(request, "key"), value = text_or(request, "value", "");
  TrackedRun& to = run(request);
  keep(key.size() + value.size() + 64);
  to.tags[key] = value;
  return Json::object();
}

Json TrackedTrial::delete_tag(const Json& request) {
  TrackedRun& of = run(request);
  const std::string key = text(request, "key");
  if (of.tags.erase(key) == 0) refuse_missing("the run has no tag '" + key + "'");
  return Json::object();
}

Json TrackedTrial::log_inputs(const Json& request) {
  TrackedRun& to = run(request);
  for (const Json& each : objects(request, "datasets")) {
    keep(size_of(each));
    to.dataset_inputs.push_back(each);
  }
  return Json::object();
}

Json TrackedTrial::log_outputs(const Json& request) {
  TrackedRun& to = run(request);
  for (const Json& each : objects(request, "models")) {
    keep(256);
    to.model_outputs.push_back({{"model_id", text(each, "model_id")}, {"step", integer_or(each, "step", 0)}});
  }
  return Json::object();
}

/// The 2.x clients tell of a model so; MLflow's server keeps it as a tag.
Json TrackedTrial::log_model_2(const Json& request) {
  TrackedRun& to = run(request);
  const std::string model = text(request, "model_json");
  const Json parsed = Json::parse(model, nullptr, false);
  if (!parsed.is_object()) refuse("'model_json' is no JSON object");
  std::string& history = to.tags["mlflow.log-model.history"];
  keep(model.size());
  history = history.empty() ? "[" + model + "]" : history.substr(0, history.size() - 1) + "," + model + "]";
  return Json::object();
}

}  // namespace lockstep
