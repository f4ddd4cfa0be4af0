#include "command/output_reader.h"

#include <utility>

#include "command/lenient_json.h"

namespace lockstep {
namespace {

constexpr size_t kMaxLineBytes = size_t{1} << 20;
constexpr std::string_view kAnnounced = "Attempted to log scalar metric ";

void read_object(const std::string& line, std::vector<LoggedMetric>& metrics) {
  const nlohmann::json object = parse_lenient_json(line);
  if (!object.is_object()) return;
  std::optional<int64_t> step;
  if (const auto found = object.find("step"); found != object.end()) step = integer_of(*found);
  for (const auto& [name, value] : object.items()) {
    if (name == "step") continue;
    if (const auto number = number_of(value)) metrics.push_back({name, *number, step});
  }
}

/// Where the line's object begins; npos: it is no line of one alone. A progress bar (tqdm's) leaves its line open, and what
/// is printed next stands behind it.
size_t start_of_object(const std::string& line) {
  const size_t first = line.find_first_not_of(" \t");
  if (first == std::string::npos || line[first] == '{') return first;
  return line.find("%|") == std::string::npos ? std::string::npos : line.find('{', line.find("%|"));
}

}  // namespace

std::vector<LoggedMetric> OutputReader::read(std::string_view bytes) {
  std::vector<LoggedMetric> metrics;
  while (!bytes.empty()) {
    // A progress bar goes back to the start of its line, and what is printed next is a line of its own.
    const size_t end = bytes.find_first_of("\r\n");
    const std::string_view part = bytes.substr(0, end);
    is_too_long_ = is_too_long_ || line_.size() + part.size() > kMaxLineBytes;
    if (!is_too_long_) line_ += part;
    if (end == std::string_view::npos) break;
    end_line(metrics);
    bytes.remove_prefix(end + 1);
  }
  return metrics;
}

std::vector<LoggedMetric> OutputReader::finish() {
  std::vector<LoggedMetric> metrics;
  end_line(metrics);
  return metrics;
}

void OutputReader::end_line(std::vector<LoggedMetric>& metrics) {
  const bool is_too_long = std::exchange(is_too_long_, false);
  const std::string line = std::exchange(line_, {});
  if (line.empty() && !is_too_long) return;  // between "\r" and "\n"
  const auto announced = std::exchange(announced_, std::nullopt);
  if (is_too_long) return;
  if (announced) {
    if (const auto value = number_in(line)) {
      metrics.push_back({*announced, *value, std::nullopt});
      return;
    }
  }
  if (line.starts_with(kAnnounced) && line.ends_with(":")) {
    announced_ = line.substr(kAnnounced.size(), line.size() - kAnnounced.size() - 1);
    return;
  }
  const size_t first = start_of_object(line);
  const size_t last = line.find_last_not_of(" \t");
  if (first != std::string::npos && line[last] == '}') read_object(line.substr(first), metrics);
}

}  // namespace lockstep
