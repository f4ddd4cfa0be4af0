#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "command/metric_sink.h"

namespace lockstep::testing {

/// Keeps what is logged, and holds replies while it is told to.
class RecordingSink : public MetricSink {
 public:
  void log(int64_t trial, const std::vector<LoggedMetric>& metrics, bool hold) override {
    std::unique_lock lock(mutex_);
    for (const LoggedMetric& metric : metrics) logged_.emplace_back(trial, metric);
    came_.notify_all();
    released_.wait(lock, [&] { return !hold || !is_holding_; });
  }

  void hold() {
    const std::lock_guard lock(mutex_);
    is_holding_ = true;
  }
  void release() {
    const std::lock_guard lock(mutex_);
    is_holding_ = false;
    released_.notify_all();
  }
  /// Returns when `n` values have come.
  void wait_for(size_t n) {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return logged_.size() >= n; });
  }
  std::vector<std::pair<int64_t, LoggedMetric>> logged() const {
    const std::lock_guard lock(mutex_);
    return logged_;
  }
  /// "accuracy=0.5@3", or without a step "accuracy=0.5".
  std::vector<std::string> texts() const {
    std::vector<std::string> result;
    for (const auto& [trial, metric] : logged()) result.push_back(text(metric));
    return result;
  }
  static std::string text(const LoggedMetric& metric) {
    char value[64];
    std::snprintf(value, sizeof value, "=%g", metric.value);
    return metric.name + value + (metric.step ? "@" + std::to_string(*metric.step) : "");
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable came_, released_;
  bool is_holding_ = false;
  std::vector<std::pair<int64_t, LoggedMetric>> logged_;
};

}  // namespace lockstep::testing
