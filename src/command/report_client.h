#pragma once

#include <string>
#include <vector>

#include "command/metric_sink.h"

namespace lockstep {

/// Reads what a shell script says of its trial: "accuracy=0.93", "loss=nan", and "step=5" for the step of all of them.
/// Throws InputError for what is no NAME=NUMBER, and where there is no metric.
std::vector<LoggedMetric> parse_report(const std::vector<std::string>& words);

/// Reports to the sweep whose trial this process belongs to, and returns when it is decided that the trial goes on.
/// @param url the environment's LOCKSTEP_REPORT_URL
/// Throws OutputError where the sweep cannot be reached or does not take it.
void send_report(const std::string& url, const std::vector<LoggedMetric>& metrics);

}  // namespace lockstep
