#include "command/report_client.h"

#include <chrono>
#include <cmath>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <lockstep/error.h>

#include "command/lenient_json.h"

namespace lockstep {
namespace {

constexpr auto kDecision = std::chrono::hours(24 * 30);  // it may hang on slower trials

}  // namespace

std::vector<LoggedMetric> parse_report(const std::vector<std::string>& words) {
  std::vector<LoggedMetric> metrics;
  std::optional<int64_t> step;
  for (const std::string& word : words) {
    const size_t equals = word.rfind('=');
    const auto value = equals == std::string::npos || equals == 0 ? std::nullopt : number_in(word.substr(equals + 1));
    if (!value) throw InputError("'" + word + "' is no report; write NAME=NUMBER, such as accuracy=0.93");
    const std::string name = word.substr(0, equals);
    if (name != "step") {
      metrics.push_back({name, *value, std::nullopt});
      continue;
    }
    step = integer_of(*value);
    if (!step) throw InputError("'" + word + "': a step is an integer, such as step=5");
  }
  if (metrics.empty()) throw InputError("there is no metric in the report; write NAME=NUMBER, such as accuracy=0.93");
  for (LoggedMetric& metric : metrics) metric.step = step;
  return metrics;
}

void send_report(const std::string& url, const std::vector<LoggedMetric>& metrics) {
  const size_t scheme = url.find("://");
  const size_t slash = scheme == std::string::npos ? scheme : url.find('/', scheme + 3);
  if (!url.starts_with("http://") || slash == std::string::npos) {
    throw OutputError("LOCKSTEP_REPORT_URL: '" + url + "' is no address of a sweep; leave it as the sweep set it");
  }
  nlohmann::json body = {{"metrics", nlohmann::json::object()}};
  for (const LoggedMetric& metric : metrics) {
    nlohmann::json value = metric.value;
    if (std::isnan(metric.value)) value = "NaN";
    if (std::isinf(metric.value)) value = metric.value > 0 ? "Infinity" : "-Infinity";
    body["metrics"][metric.name] = value;
    if (metric.step) body["step"] = *metric.step;
  }
  httplib::Client client(url.substr(0, slash));
  client.set_read_timeout(kDecision);
  const auto reply = client.Post(url.substr(slash), body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                                 "application/json");
  if (!reply) throw OutputError("the sweep of this trial does not answer (" + to_string(reply.error()) + "); it has ended, or was killed");
  if (reply->status == 200) return;
  const auto refusal = nlohmann::json::parse(reply->body, nullptr, false);
  const bool says_why = refusal.is_object() && refusal.contains("message") && refusal["message"].is_string();
  throw OutputError("the sweep did not take the report: " +
                    (says_why ? refusal["message"].get<std::string>() : "status " + std::to_string(reply->status)));
}

}  // namespace lockstep
