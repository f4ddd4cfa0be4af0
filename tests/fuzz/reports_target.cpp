// What programs report: requests to the tracking server without its socket, and lines of standard output. Requests are
// answered with 200 or 4xx and JSON, whatever they are. An input is a session: requests that a line "%%" divides, each
// "METHOD PATH" and then a body. ^T stands for the trial's address and ^R for its run. The same bytes are output too.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <nlohmann/json.hpp>

#include "command/output_reader.h"
#include "command/tracking_server.h"

namespace lockstep::fuzz {
namespace {

void check(bool is_true, const std::string& what) {
  if (is_true) return;
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

class CheckingSink : public MetricSink {
 public:
  void log(int64_t trial, const std::vector<LoggedMetric>& metrics, bool hold) override {
    check(trial == 7 && hold && !metrics.empty(), "a report of nothing, or of another trial");
  }
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  return text;
}

void read_query(std::string_view query, HttpRequest& request) {
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    const size_t equals = std::min(part.find('='), part.size());
    request.query.emplace(part.substr(0, equals), part.substr(std::min(equals + 1, part.size())));
    query.remove_prefix(std::min(part.size() + 1, query.size()));
  }
}

void send(TrackingRequests& requests, const std::string& text) {
  const std::string head = text.substr(0, text.find('\n'));
  const size_t space = std::min(head.find(' '), head.size());
  HttpRequest request{head.substr(0, space), head.substr(std::min(space + 1, head.size())), {}, text.substr(std::min(head.size() + 1, text.size()))};
  if (const size_t mark = request.path.find('?'); mark != std::string::npos) {
    const std::string query = request.path.substr(mark + 1);
    request.path.resize(mark);
    read_query(query, request);
  }
  const HttpReply reply = requests.answer(request);
  check(reply.status == 200 || (reply.status >= 400 && reply.status < 500 && reply.status != 429), "status " + std::to_string(reply.status));
  check(nlohmann::json::accept(reply.body), "no JSON: " + reply.body);
}

}  // namespace
}  // namespace lockstep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lockstep;
  const std::string input(reinterpret_cast<const char*>(data), size);
  fuzz::CheckingSink sink;
  TrackingRequests requests(sink);
  const auto address = requests.open(7, "/results/7");
  const std::string session = fuzz::replaced(fuzz::replaced(input, "^T", address.path + "/api/2.0/mlflow"), "^R", address.run_id);
  constexpr std::string_view kDivider = "\n%%\n";
  for (size_t begin = 0; begin <= session.size();) {
    const size_t end = std::min(session.find(kDivider, begin), session.size());
    fuzz::send(requests, session.substr(begin, end - begin));
    begin = end + kDivider.size();
  }
  fuzz::send(requests, "POST " + address.path + "/report\n" + input);

  OutputReader whole, pieces;
  size_t n = whole.read(input).size() + whole.finish().size();
  for (size_t at = 0; at < size; at += 7) n -= pieces.read(std::string_view(input).substr(at, 7)).size();
  n -= pieces.finish().size();
  fuzz::check(n == 0, "lines in pieces give something else");
  return 0;
}
