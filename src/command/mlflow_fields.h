#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "command/http_listener.h"
#include "command/tracked_runs.h"

namespace lockstep::mlflow {

/// A call of MLflow's interface that is refused.
struct Refusal {
  int status;
  std::string code;
  std::string message;
};
/// Throws one for a field that is wrong, or for what there is not.
[[noreturn]] void refuse(const std::string& message);
[[noreturn]] void refuse_missing(const std::string& message);

/// A field's text; numbers become texts. `text` refuses where it is missing or empty.
std::string text_or(const nlohmann::json& object, const char* key, const std::string& otherwise);
std::string text(const nlohmann::json& object, const char* key);
/// A field's integer, also from a text: so they come in a query, and by protobuf's rules. Refuses what is none.
int64_t integer_or(const nlohmann::json& object, const char* key, int64_t otherwise);
/// A field's number, also "NaN" or "Infinity". Refuses what is none.
double number(const nlohmann::json& object, const char* key);
/// The objects in a list; none where it is missing. Refuses what is something else.
std::vector<nlohmann::json> objects(const nlohmann::json& request, const char* key);
/// The texts in a list, or a text by itself.
std::vector<std::string> texts(const nlohmann::json& request, const char* key);
/// Of a metric that is logged.
MetricPoint point_of(const nlohmann::json& object);

/// The part of a list that a request asks for by `max_results` and `page_token`, under `name`, and the next part's token.
/// @param most where the request does not say
nlohmann::json page(const std::vector<nlohmann::json>& all, const nlohmann::json& request, const char* name, int64_t most);

/// What a JSON takes as a text.
size_t size_of(const nlohmann::json& json);

HttpReply reply_of(const nlohmann::json& json);
/// An error as MLflow's clients read it.
HttpReply error_reply(int status, const std::string& code, const std::string& message);

/// `file://` and the path, its special characters escaped: what the clients open themselves.
std::string file_uri(const std::string& path);
/// Milliseconds since 1970.
int64_t now_ms();

}  // namespace lockstep::mlflow
