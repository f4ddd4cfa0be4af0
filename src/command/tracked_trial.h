#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "command/http_listener.h"
#include "command/metric_sink.h"
#include "command/tracked_runs.h"

namespace lockstep {

/// MLflow's tracking server as one trial's program sees it: one experiment (0) with the run that the program is given,
/// and those that it opens itself. Any name of an experiment is this one's. Metrics go to the sink, but for those of runs
/// inside of others. From MLflow's clients, step 0 is what they send where the script named none.
class TrackedTrial {
 public:
  /// @param artifact_directory absolute; where the clients write artifacts themselves
  TrackedTrial(MetricSink& sink, int64_t trial, const std::string& artifact_directory);

  /// The run that the program is given.
  const std::string& run_id() const { return run_id_; }
  static const char* experiment_id() { return "0"; }

  /// Answers a call of MLflow's REST interface, `endpoint` such as "runs/log-metric"; where metrics are logged, when the
  /// sink has decided. A status of 4xx for what is wrong; nothing for an endpoint that there is not.
  std::optional<HttpReply> answer(const HttpRequest& request, const std::string& endpoint);

  /// Answers a report in our own form: {"metrics": {"accuracy": 0.93}, "step": 5}.
  HttpReply report(const std::string& body);

 private:
  using Json = nlohmann::json;
  struct Endpoint;
  static const std::vector<Endpoint>& endpoints();

  HttpReply call(const Endpoint& endpoint, const Json& request);

  Json search_experiments(const Json& request);
  Json get_experiment(const Json& request);
  Json get_experiment_by_name(const Json& request);
  Json create_experiment(const Json& request);
  Json set_experiment_tag(const Json& request);
  Json delete_experiment_tag(const Json& request);

  Json create_run(const Json& request);
  Json get_run(const Json& request);
  Json update_run(const Json& request);
  Json delete_run(const Json& request);
  Json restore_run(const Json& request);
  Json search_runs(const Json& request);
  Json get_metric_history(const Json& request);
  Json log_metric(const Json& request);
  Json log_batch(const Json& request);
  Json log_parameter(const Json& request);
  Json set_tag(const Json& request);
  Json delete_tag(const Json& request);
  Json log_inputs(const Json& request);
  Json log_outputs(const Json& request);
  Json log_model_2(const Json& request);

  Json create_logged_model(const Json& request);
  Json get_logged_model(const Json& request);
  Json finish_logged_model(const Json& request);
  Json delete_logged_model(const Json& request);
  Json log_model_params(const Json& request);
  Json set_model_tags(const Json& request);
  Json delete_model_tag(const Json& request);
  Json search_logged_models(const Json& request);

  Json register_model(const Json& request);
  Json get_registered_model(const Json& request);
  Json get_latest_versions(const Json& request);
  Json search_registered_models(const Json& request);
  Json set_registered_model_tag(const Json& request);
  Json set_model_alias(const Json& request);
  Json get_model_alias(const Json& request);
  Json create_model_version(const Json& request);
  Json get_model_version(const Json& request);
  Json update_model_version(const Json& request);
  Json set_model_version_tag(const Json& request);
  Json get_model_version_uri(const Json& request);

  TrackedRun& add_run(const std::string& id, const std::string& artifact_uri);
  TrackedRun& run(const Json& request);
  Json& logged_model(const Json& request);
  Json& registered_model(const Json& request);
  Json& model_version(const Json& request);
  Json experiment() const;
  void log(TrackedRun& run, const std::string& key, const MetricPoint& point);
  /// Counts what is kept for the clients to ask again; throws where it is too much.
  void keep(size_t bytes);

  MetricSink& sink_;
  const int64_t trial_;
  const std::string artifact_uri_;
  std::string run_id_;

  std::mutex logging_;  ///< one after another, so that a request sent again waits for the first one's decision
  std::mutex mutex_;    ///< of all below
  std::string experiment_name_ = "Default";
  std::map<std::string, std::string> experiment_tags_;
  int64_t created_ms_ = 0;
  std::map<std::string, TrackedRun> runs_;
  std::map<std::string, Json> models_;  ///< MLflow's LoggedModel messages, by their id
  std::map<std::string, Json> registry_;  ///< MLflow's RegisteredModel messages, by their name
  SeenMetrics seen_;
  std::vector<LoggedMetric> fresh_;  ///< logged by the call under way
  size_t kept_bytes_ = 0;
};

}  // namespace lockstep
