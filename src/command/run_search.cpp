// MLflow's language for searching runs, as far as its clients' documentation has it for runs.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <lockstep/error.h>

#include "command/lenient_json.h"
#include "command/tracked_runs.h"

namespace lockstep {
namespace {

using RunValue = std::variant<std::monostate, double, std::string>;  ///< nothing where the run has none

bool same_letters(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

class Words {
 public:
  explicit Words(const std::string& text) : text_(text) { advance(); }

  bool at_end() const { return word_.empty() && !is_quoted_; }
  const std::string& word() const { return word_; }
  bool is_quoted() const { return is_quoted_; }
  bool is(std::string_view expected) const { return !is_quoted_ && same_letters(word_, expected); }
  std::string take() {
    std::string taken = word_;
    advance();
    return taken;
  }
  [[noreturn]] void refuse(const std::string& why) const { throw InputError("'" + text_ + "': " + why); }

  void advance() {
    word_.clear();
    is_quoted_ = false;
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    if (at_ >= text_.size()) return;
    const char c = text_[at_];
    if (c == '\'' || c == '"') {
      word_ = quoted(c);
      is_quoted_ = true;
      return;
    }
    if (std::string_view("=!<>").find(c) != std::string_view::npos) {
      word_ = c;
      ++at_;
      if (at_ < text_.size() && text_[at_] == '=') word_ += text_[at_++];
      return;
    }
    if (std::string_view("(),").find(c) != std::string_view::npos) {
      word_ = c;
      ++at_;
      return;
    }
    while (at_ < text_.size() && std::string_view("=!<>(),'").find(text_[at_]) == std::string_view::npos &&
           !std::isspace(static_cast<unsigned char>(text_[at_]))) {
      // A name that is quoted: params."batch size", metrics.`val/loss`.
      if (text_[at_] == '"' || text_[at_] == '`') {
        word_ += quoted(text_[at_]);
      } else {
        word_ += text_[at_++];
      }
    }
  }

 private:
  std::string quoted(char quote) {
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string::npos) refuse("a quote is not closed");
    std::string inside = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return inside;
  }

  const std::string& text_;
  size_t at_ = 0;
  std::string word_;
  bool is_quoted_ = false;
};

RunValue value_of(const TrackedRun& run, const std::string& identifier, const Words& words) {
  const size_t dot = identifier.find('.');
  const std::string kind = dot == std::string::npos ? "attributes" : identifier.substr(0, dot);
  const std::string name = dot == std::string::npos ? identifier : identifier.substr(dot + 1);
  const auto is = [&kind](auto... names) { return (same_letters(kind, names) || ...); };
  const auto in = [&name](const std::map<std::string, std::string>& map) -> RunValue {
    const auto found = map.find(name);
    return found == map.end() ? RunValue() : found->second;
  };
  if (is("metrics", "metric")) {
    const auto found = run.metrics.find(name);
    return found == run.metrics.end() ? RunValue() : found->second.latest.value;
  }
  if (is("params", "param", "parameters", "parameter")) return in(run.params);
  if (is("tags", "tag")) return in(run.tags);
  if (is("attributes", "attribute", "attr", "run")) {
    if (name == "run_id" || name == "run_uuid") return run.id;
    if (name == "run_name" || name == "Run name") return run.name;
    if (name == "status") return run.status;
    if (name == "artifact_uri") return run.artifact_uri;
    if (name == "user_id") return run.user;
    if (name == "experiment_id") return "0";
    if (name == "start_time" || name == "created" || name == "Created") return static_cast<double>(run.start_ms);
    if (name == "end_time") return run.end_ms ? RunValue(static_cast<double>(*run.end_ms)) : RunValue();
  }
  words.refuse("'" + identifier + "' is nothing that a run has; use metrics.NAME, params.NAME, tags.NAME or an attribute such as "
               "status or start_time");
}

/// SQL's LIKE: '%' is any text, '_' any character.
bool is_like(std::string_view text, std::string_view pattern, bool ignore_case) {
  const auto same = [ignore_case](unsigned char a, unsigned char b) {
    return a == b || (ignore_case && std::tolower(a) == std::tolower(b));
  };
  size_t t = 0, p = 0, star = std::string_view::npos, from = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '%') {
      star = p++;
      from = t;
    } else if (p < pattern.size() && (pattern[p] == '_' || same(text[t], pattern[p]))) {
      ++t, ++p;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('%', p) == std::string_view::npos;
}

template <class T>
bool compare(const T& a, const std::string& op, const T& b, const Words& words) {
  if (op == "=" || op == "==") return a == b;
  if (op == "!=") return a != b;
  if (op == "<") return a < b;
  if (op == "<=") return a <= b;
  if (op == ">") return a > b;
  if (op == ">=") return a >= b;
  words.refuse("'" + op + "' is no comparison; use =, !=, <, <=, >, >=, LIKE, ILIKE or IN");
}

bool holds_in(const RunValue& value, bool negated, Words& words) {
  if (words.take() != "(") words.refuse("IN wants a list in parentheses");
  bool found = false;
  while (!words.is(")")) {
    if (words.at_end()) words.refuse("the list of IN is not closed");
    const auto* text = std::get_if<std::string>(&value);
    found = found || (text && *text == words.word());
    words.advance();
    if (words.is(",")) words.advance();
  }
  words.advance();
  return std::holds_alternative<std::string>(value) && found != negated;
}

bool holds_next(const TrackedRun& run, Words& words) {
  const RunValue value = value_of(run, words.take(), words);
  const bool negated = words.is("not");
  if (negated) words.advance();
  if (words.is("in")) {
    words.advance();
    return holds_in(value, negated, words);
  }
  if (words.is("is")) {  // NULL, NOT NULL
    words.advance();
    const bool wants_value = words.is("not");
    if (wants_value) words.advance();
    if (!words.is("null")) words.refuse("IS wants NULL or NOT NULL");
    words.advance();
    return std::holds_alternative<std::monostate>(value) != wants_value;
  }
  const std::string op = words.take();
  if (words.at_end()) words.refuse("a value is missing behind '" + op + "'");
  const std::string expected = words.take();
  if (same_letters(op, "like") || same_letters(op, "ilike")) {
    const auto* text = std::get_if<std::string>(&value);
    return text && is_like(*text, expected, same_letters(op, "ilike"));
  }
  if (const auto* number = std::get_if<double>(&value)) {
    const auto wanted = number_in(expected);
    if (!wanted) words.refuse("'" + expected + "' is no number");
    return compare(*number, op, *wanted, words);
  }
  const auto* text = std::get_if<std::string>(&value);
  return compare(text ? *text : std::string(), op, expected, words) && text;
}

}  // namespace

bool matches(const TrackedRun& run, const std::string& filter) {
  Words words(filter);
  bool all = true;
  while (!words.at_end()) {
    const bool one = holds_next(run, words);  // read on: what is wrong further back is refused too
    all = all && one;
    if (words.at_end()) break;
    if (!words.is("and")) words.refuse("'" + words.word() + "' is not understood; comparisons are joined by AND");
    words.advance();
  }
  return all;
}

void sort_runs(std::vector<const TrackedRun*>& runs, const std::vector<std::string>& keys) {
  const auto by_start = [](const TrackedRun* a, const TrackedRun* b) { return a->start_ms > b->start_ms; };
  std::ranges::stable_sort(runs, by_start);
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    Words words(*key);
    const std::string identifier = words.take();
    const bool descending = words.is("desc");
    if (!words.at_end() && !descending && !words.is("asc")) words.refuse("the order is ASC or DESC");
    std::vector<std::pair<RunValue, const TrackedRun*>> valued;
    for (const TrackedRun* run : runs) {
      RunValue value = value_of(*run, identifier, words);
      const auto* number = std::get_if<double>(&value);
      if (number && std::isnan(*number)) value = RunValue();  // NaN is neither above nor below: it is last, like none
      valued.emplace_back(std::move(value), run);
    }
    std::ranges::stable_sort(valued, [descending](const auto& a, const auto& b) {
      const bool a_has = a.first.index() != 0, b_has = b.first.index() != 0;
      if (!a_has || !b_has) return a_has && !b_has;
      return descending ? b.first < a.first : a.first < b.first;
    });
    std::ranges::transform(valued, runs.begin(), [](const auto& each) { return each.second; });
  }
}

}  // namespace lockstep
