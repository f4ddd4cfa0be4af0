#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include <nlohmann/json.hpp>

namespace lockstep {

/// A value of a metric as MLflow has it.
struct MetricPoint {
  double value = 0;
  int64_t timestamp_ms = 0;
  int64_t step = 0;
};

/// What a run of MLflow's logged: all that a client can ask for again. Of a metric's values the last 10,000.
struct TrackedRun {
  struct Metric {
    MetricPoint latest;  ///< of the highest step, then the highest time
    std::deque<MetricPoint> history;
  };

  std::string id;
  std::string name;
  std::string artifact_uri;
  std::string status = "RUNNING";
  std::string lifecycle_stage = "active";
  std::string user;
  int64_t start_ms = 0;
  std::optional<int64_t> end_ms;
  std::map<std::string, std::string> params;
  std::map<std::string, std::string> tags;
  std::map<std::string, Metric> metrics;
  nlohmann::json dataset_inputs = nlohmann::json::array();
  nlohmann::json model_outputs = nlohmann::json::array();

  /// A run inside of another: one of a grid search's fits, say.
  bool is_nested() const { return tags.contains("mlflow.parentRunId"); }
  /// @param kept_bytes grows by what this takes
  void add(const std::string& key, const MetricPoint& point, size_t& kept_bytes);

  nlohmann::json info() const;
  /// MLflow's Run message.
  nlohmann::json to_json() const;
};

/// MLflow's Metric message; numbers that JSON does not have are strings.
nlohmann::json to_json(const std::string& key, const MetricPoint& point);

/// Tells a value that a client sends again, since the reply to the first got lost, from one logged twice. Remembers the
/// last 65,536.
class SeenMetrics {
 public:
  /// @return whether it is new
  bool add(const std::string& run_id, const std::string& key, const MetricPoint& point);

 private:
  std::unordered_set<uint64_t> hashes_;
  std::deque<uint64_t> order_;
};

/// Whether a run passes a filter of MLflow's search: comparisons of metrics.NAME, params.NAME, tags.NAME and
/// attributes.NAME joined by AND. Throws InputError for what is none.
bool matches(const TrackedRun& run, const std::string& filter);

/// Sorts as MLflow does: by each of `keys` ("metrics.loss DESC"), runs without the value last, then by start, the
/// latest first. Throws InputError for a key that is none.
void sort_runs(std::vector<const TrackedRun*>& runs, const std::vector<std::string>& keys);

}  // namespace lockstep
