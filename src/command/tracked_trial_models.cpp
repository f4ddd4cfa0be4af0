// Models, as MLflow's clients ask for them: logged models, which those of 3.x cannot do without, and a registry of the
// trial's own for scripts that register what they trained.
#include <algorithm>

#include "command/mlflow_fields.h"
#include "command/tracked_trial.h"
#include "core/random_token.h"

namespace lockstep {

using Json = nlohmann::json;
using namespace mlflow;

namespace {

/// Sets `key` in a list of MLflow's tags.
void set_in(Json& tags, const Json& tag) {
  const std::string key = text(tag, "key");
  const auto old = std::ranges::find_if(tags, [&key](const Json& each) { return text_or(each, "key", "") == key; });
  if (old == tags.end()) {
    tags.push_back({{"key", key}, {"value", text_or(tag, "value", "")}});
  } else {
    (*old)["value"] = text_or(tag, "value", "");
  }
}

}  // namespace

Json TrackedTrial::create_logged_model(const Json& request) {
  const std::string id = "m-" + random_token();
  Json params = Json::array(), tags = Json::array();
  for (const Json& each : objects(request, "params")) params.push_back(each);
  for (const Json& each : objects(request, "tags")) tags.push_back(each);
  const int64_t now = now_ms();
  Json model = {{"info",
                 {{"model_id", id},
                  {"experiment_id", experiment_id()},
                  {"name", text_or(request, "name", "model-" + std::to_string(models_.size() + 1))},
                  {"creation_timestamp_ms", now},
                  {"last_updated_timestamp_ms", now},
                  {"artifact_uri", artifact_uri_ + "/models/" + id},
                  {"status", "LOGGED_MODEL_PENDING"},
                  {"model_type", text_or(request, "model_type", "")},
                  {"source_run_id", text_or(request, "source_run_id", "")},
                  {"tags", tags}}},
                {"data", {{"params", params}, {"metrics", Json::array()}}}};
  keep(size_of(model) + 512);
  models_[id] = model;
  return {{"model", model}};
}

Json& TrackedTrial::logged_model(const Json& request) {
  const std::string id = text(request, "model_id");
  const auto found = models_.find(id);
  if (found == models_.end()) refuse_missing("there is no logged model '" + id + "' in this trial");
  return found->second;
}

Json TrackedTrial::get_logged_model(const Json& request) { return {{"model", logged_model(request)}}; }

Json TrackedTrial::finish_logged_model(const Json& request) {
  Json& model = logged_model(request);
  model["info"]["status"] = text_or(request, "status", "LOGGED_MODEL_READY");
  model["info"]["last_updated_timestamp_ms"] = now_ms();
  return {{"model", model}};
}

Json TrackedTrial::delete_logged_model(const Json& request) {
  logged_model(request);
  models_.erase(text(request, "model_id"));
  return Json::object();
}

Json TrackedTrial::log_model_params(const Json& request) {
  Json& params = logged_model(request)["data"]["params"];
  for (const Json& each : objects(request, "params")) {
    keep(size_of(each));
    params.push_back(each);
  }
  return Json::object();
}

Json TrackedTrial::set_model_tags(const Json& request) {
  Json& model = logged_model(request);
  for (const Json& each : objects(request, "tags")) {
    keep(size_of(each));
    set_in(model["info"]["tags"], each);
  }
  return {{"model", model}};
}

Json TrackedTrial::delete_model_tag(const Json& request) {
  Json& tags = logged_model(request)["info"]["tags"];
  const std::string key = text(request, "tag_key");
  for (size_t i = tags.size(); i-- > 0;) {
    if (text_or(tags[i], "key", "") == key) tags.erase(i);
  }
  return Json::object();
}

Json TrackedTrial::search_logged_models(const Json& request) {
  if (const std::string filter = text_or(request, "filter", ""); !filter.empty()) {
    refuse("'" + filter + "': within a trial, logged models are searched without a filter");
  }
  std::vector<Json> all;
  for (const auto& [id, model] : models_) all.push_back(model);
  return page(all, request, "models", 100);
}

// The registry.
Json& TrackedTrial::registered_model(const Json& request) {
  const std::string name = text(request, "name");
  const auto found = registry_.find(name);
  if (found == registry_.end()) refuse_missing("there is no registered model '" + name + "' in this trial");
  return found->second;
}

Json& TrackedTrial::model_version(const Json& request) {
  Json& versions = registered_model(request)["latest_versions"];
  const std::string version = text(request, "version");
  const auto found = std::ranges::find_if(versions, [&version](const Json& each) { return each["version"] == version; });
  if (found == versions.end()) refuse_missing("there is no version '" + version + "' of it");
  return *found;
}

Json TrackedTrial::register_model(const Json& request) {
  const std::string name = text(request, "name");
  if (registry_.contains(name)) throw Refusal{400, "RESOURCE_ALREADY_EXISTS", "there is a registered model '" + name + "'"};
  Json tags = Json::array();
  for (const Json& tag : objects(request, "tags")) set_in(tags, tag);
  const int64_t now = now_ms();
  Json model = {{"name", name},
                {"creation_timestamp", now},
                {"last_updated_timestamp", now},
                {"description", text_or(request, "description", "")},
                {"tags", tags},
                {"aliases", Json::array()},
                {"latest_versions", Json::array()}};  // all of them; for asking, the last
  keep(size_of(model) + 512);
  registry_[name] = model;
  return {{"registered_model", model}};
}

Json TrackedTrial::get_registered_model(const Json& request) {
  Json model = registered_model(request);
  Json& versions = model["latest_versions"];
  if (versions.size() > 1) versions = Json::array({versions.back()});
  return {{"registered_model", model}};
}

Json TrackedTrial::get_latest_versions(const Json& request) {
  return {{"model_versions", get_registered_model(request)["registered_model"]["latest_versions"]}};
}

Json TrackedTrial::search_registered_models(const Json& request) {
  std::vector<Json> all;
  for (const auto& [name, model] : registry_) all.push_back(get_registered_model({{"name", name}})["registered_model"]);
  return page(all, request, "registered_models", 100);
}

Json TrackedTrial::set_registered_model_tag(const Json& request) {
  keep(size_of(request));
  set_in(registered_model(request)["tags"], request);
  return Json::object();
}

Json TrackedTrial::set_model_alias(const Json& request) {
  const std::string alias = text(request, "alias"), version = model_version(request)["version"];
  Json& aliases = registered_model(request)["aliases"];
  keep(size_of(request));
  const auto old = std::ranges::find_if(aliases, [&alias](const Json& each) { return each["alias"] == alias; });
  if (old == aliases.end()) {
    aliases.push_back({{"alias", alias}, {"version", version}});
  } else {
    (*old)["version"] = version;
  }
  return Json::object();
}

Json TrackedTrial::get_model_alias(const Json& request) {
  const std::string alias = text(request, "alias");
  for (const Json& each : registered_model(request)["aliases"]) {
    if (each["alias"] == alias) return {{"model_version", model_version({{"name", request["name"]}, {"version", each["version"]}})}};
  }
  refuse_missing("there is no alias '" + alias + "' of it");
}

Json TrackedTrial::create_model_version(const Json& request) {
  Json& versions = registered_model(request)["latest_versions"];
  Json tags = Json::array();
  for (const Json& tag : objects(request, "tags")) set_in(tags, tag);
  const int64_t now = now_ms();
  // The 3.x clients name the logged model alone.
  const auto model = models_.find(text_or(request, "model_id", ""));
  std::string run = text_or(request, "run_id", ""), location = text_or(request, "source", "");
  if (model != models_.end()) {
    if (run.empty()) run = model->second["info"]["source_run_id"];
    location = model->second["info"]["artifact_uri"];
  }
  const Json version = {{"name", text(request, "name")},
                        {"version", std::to_string(versions.size() + 1)},
                        {"creation_timestamp", now},
                        {"last_updated_timestamp", now},
                        {"current_stage", "None"},
                        {"description", text_or(request, "description", "")},
                        {"source", text_or(request, "source", "")},
                        {"storage_location", location},
                        {"run_id", run},
                        {"model_id", text_or(request, "model_id", "")},
                        {"status", "READY"},
                        {"tags", tags}};
  keep(size_of(version) + 512);
  versions.push_back(version);
  return {{"model_version", version}};
}

Json TrackedTrial::get_model_version(const Json& request) { return {{"model_version", model_version(request)}}; }

Json TrackedTrial::update_model_version(const Json& request) {
  Json& version = model_version(request);
  keep(size_of(request));
  version["description"] = text_or(request, "description", version["description"]);
  version["current_stage"] = text_or(request, "stage", version["current_stage"]);
  version["last_updated_timestamp"] = now_ms();
  return {{"model_version", version}};
}

Json TrackedTrial::set_model_version_tag(const Json& request) {
  keep(size_of(request));
  set_in(model_version(request)["tags"], request);
  return Json::object();
}

Json TrackedTrial::get_model_version_uri(const Json& request) { return {{"artifact_uri", model_version(request)["storage_location"]}}; }

}  // namespace lockstep
