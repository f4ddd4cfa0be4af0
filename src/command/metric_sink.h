#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lockstep {

/// One value of a metric, as a trial's program logged it.
struct LoggedMetric {
  std::string name;
  double value = 0;             ///< may be NaN or infinite
  std::optional<int64_t> step;  ///< where the program said one
};

/// Where the metrics of programs go that run as trials. Called from any thread.
class MetricSink {
 public:
  virtual ~MetricSink() = default;
  /// Takes what `trial` logged, in the order in which it counts.
  /// @param hold whether to return only when it is decided what the trial's values of the primary metric came to, so that
  ///        the program does not train on; where it is stopped, after it was killed
  virtual void log(int64_t trial, const std::vector<LoggedMetric>& metrics, bool hold) = 0;
};

}  // namespace lockstep
