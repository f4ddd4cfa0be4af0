#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "command/metric_sink.h"

namespace lockstep {

/// Finds the metrics in a program's standard output:
/// - a line that is one JSON object: each of its numbers is a metric, `step` is their step. What is in it beside numbers
///   is passed over, an object without numbers is no report. NaN and Infinity are taken unquoted, as Python writes them. It may stand behind a progress bar;
/// - what azureml-core prints outside of Azure: "Attempted to log scalar metric NAME:", and on the next line the value.
class OutputReader {
 public:
  /// The metrics of the lines that `bytes` completes, in their order. The rest of the last line is kept for the next
  /// call; a line above 1 MiB is passed over.
  std::vector<LoggedMetric> read(std::string_view bytes);
  /// The metrics of a last line without an end.
  std::vector<LoggedMetric> finish();

 private:
  void end_line(std::vector<LoggedMetric>& metrics);

  std::string line_;
  bool is_too_long_ = false;
  std::optional<std::string> announced_;  ///< the metric whose value the next line has
};

}  // namespace lockstep
