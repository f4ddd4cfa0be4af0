#include "command/tracked_runs.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <tuple>

namespace lockstep {
namespace {

constexpr size_t kMaxHistory = 10'000;
constexpr size_t kMaxSeen = 65'536;

nlohmann::json key_values(const std::map<std::string, std::string>& map) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [key, value] : map) list.push_back({{"key", key}, {"value", value}});
  return list;
}

}  // namespace

void TrackedRun::add(const std::string& key, const MetricPoint& point, size_t& kept_bytes) {
  const auto [found, is_first] = metrics.try_emplace(key);
  Metric& metric = found->second;
  const auto age = [](const MetricPoint& each) { return std::tie(each.step, each.timestamp_ms); };
  if (is_first || age(point) >= age(metric.latest)) metric.latest = point;
  if (is_first) kept_bytes += key.size() + 1024;  // a deque takes a block at once
  metric.history.push_back(point);
  if (metric.history.size() > kMaxHistory) {
    metric.history.pop_front();
  } else {
    kept_bytes += sizeof point;
  }
}

nlohmann::json TrackedRun::info() const {
  nlohmann::json info = {{"run_id", id},           {"run_uuid", id},       {"run_name", name},
                         {"experiment_id", "0"},   {"user_id", user},      {"status", status},
                         {"start_time", start_ms}, {"artifact_uri", artifact_uri}, {"lifecycle_stage", lifecycle_stage}};
  if (end_ms) info["end_time"] = *end_ms;
  return info;
}

nlohmann::json TrackedRun::to_json() const {
  nlohmann::json latest = nlohmann::json::array();
  for (const auto& [key, metric] : metrics) latest.push_back(lockstep::to_json(key, metric.latest));
  return {{"info", info()},
          {"data", {{"metrics", latest}, {"params", key_values(params)}, {"tags", key_values(tags)}}},
          {"inputs", {{"dataset_inputs", dataset_inputs}}},
          {"outputs", {{"model_outputs", model_outputs}}}};
}

nlohmann::json to_json(const std::string& key, const MetricPoint& point) {
  nlohmann::json value = point.value;
  if (std::isnan(point.value)) value = "NaN";
  if (std::isinf(point.value)) value = point.value > 0 ? "Infinity" : "-Infinity";
  return {{"key", key}, {"value", value}, {"timestamp", point.timestamp_ms}, {"step", point.step}};
}

bool SeenMetrics::add(const std::string& run_id, const std::string& key, const MetricPoint& point) {
  std::string text = run_id + '\0' + key + '\0';
  text.append(reinterpret_cast<const char*>(&point), sizeof point);
  const uint64_t hash = std::hash<std::string>()(text);
  if (!hashes_.insert(hash).second) return false;
  order_.push_back(hash);
  if (order_.size() > kMaxSeen) {
    hashes_.erase(order_.front());
    order_.pop_front();
  }
  return true;
}

}  // namespace lockstep
