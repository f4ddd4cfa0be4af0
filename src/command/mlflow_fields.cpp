#include "command/mlflow_fields.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <string_view>

#include "command/lenient_json.h"

namespace lockstep::mlflow {

using Json = nlohmann::json;

namespace {

constexpr int64_t kMaxResults = 50'000;

}  // namespace

void refuse(const std::string& message) { throw Refusal{400, "INVALID_PARAMETER_VALUE", message}; }
void refuse_missing(const std::string& message) { throw Refusal{404, "RESOURCE_DOES_NOT_EXIST", message}; }

int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::string text_or(const Json& object, const char* key, const std::string& otherwise) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return otherwise;
  if (const auto* text = found->get_ptr<const std::string*>()) return *text;
  return found->is_structured() ? otherwise : found->dump();  // a tag's value may come as a number
}

std::string text(const Json& object, const char* key) {
  const std::string value = text_or(object, key, "");
  if (value.empty()) refuse(std::string("'") + key + "' is missing");
  return value;
}

int64_t integer_or(const Json& object, const char* key, int64_t otherwise) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return otherwise;
  if (const auto number = integer_of(*found)) return *number;
  if (const auto* digits = found->get_ptr<const std::string*>()) {
    const Json parsed = Json::parse(*digits, nullptr, false);
    if (const auto number = integer_of(parsed)) return *number;
  }
  refuse(std::string("'") + key + "' is no integer");
}

double number(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) refuse(std::string("'") + key + "' is missing");
  if (const auto value = number_of(*found)) return *value;
  if (const auto* words = found->get_ptr<const std::string*>()) {  // "NaN", "Infinity"
    if (const auto value = number_in(*words)) return *value;
  }
  refuse(std::string("'") + key + "' is no number");
}

std::vector<Json> objects(const Json& request, const char* key) {
  std::vector<Json> result;
  const auto found = request.find(key);
  if (found == request.end() || found->is_null()) return result;
  if (!found->is_array()) refuse(std::string("'") + key + "' is no list");
  for (const Json& each : *found) {
    if (!each.is_object()) refuse(std::string("'") + key + "' holds something else than objects");
    result.push_back(each);
  }
  return result;
}

std::vector<std::string> texts(const Json& request, const char* key) {
  std::vector<std::string> result;
  const auto found = request.find(key);
  if (found == request.end()) return result;
  if (found->is_string()) result.push_back(*found);
  if (!found->is_array()) return result;
  for (const Json& each : *found) {
    if (each.is_string()) result.push_back(each);
  }
  return result;
}

MetricPoint point_of(const Json& object) {
  return {number(object, "value"), integer_or(object, "timestamp", 0), integer_or(object, "step", 0)};
}

Json page(const std::vector<Json>& all, const Json& request, const char* name, int64_t most) {
  const int64_t size = std::clamp<int64_t>(integer_or(request, "max_results", most), 1, kMaxResults);
  const int64_t n = static_cast<int64_t>(all.size());
  const std::string token = text_or(request, "page_token", "");
  const int64_t begin = std::clamp<int64_t>(token.empty() ? 0 : integer_or(request, "page_token", 0), 0, n);
  const int64_t end = begin + std::min(size, n - begin);
  Json reply = {{name, Json(std::vector<Json>(all.begin() + begin, all.begin() + end))}};
  if (end < n) reply["next_page_token"] = std::to_string(end);
  return reply;
}

size_t size_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace).size(); }

HttpReply reply_of(const Json& json) { return {200, json.dump(-1, ' ', false, Json::error_handler_t::replace)}; }

HttpReply error_reply(int status, const std::string& code, const std::string& message) {
  HttpReply reply = reply_of({{"error_code", code}, {"message", message}});
  reply.status = status;
  return reply;
}

std::string file_uri(const std::string& path) {
  std::string uri = "file://";
  for (const unsigned char c : path) {
    if (std::isalnum(c) || std::string_view("/-._~").find(static_cast<char>(c)) != std::string_view::npos) {
      uri += static_cast<char>(c);
    } else {
      char escaped[4];
      std::snprintf(escaped, sizeof escaped, "%%%02X", static_cast<unsigned>(c));
      uri += escaped;
    }
  }
  return uri;
}

}  // namespace lockstep::mlflow
