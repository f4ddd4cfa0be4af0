#include "core/csv_reader.h"

#include <charconv>
#include <cstdlib>
#include <utility>

#include <lockstep/error.h>

namespace lockstep {

namespace {

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Puts fields together from lines; what is in quotes stays as it is.
class Fields {
 public:
  explicit Fields(std::vector<std::string>& fields) : fields_(fields) { fields_.clear(); }

  bool is_in_quotes() const { return in_quotes_; }

  void add_line(const std::string& line) {
    for (size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      if (c == '"' && in_quotes_ && i + 1 < line.size() && line[i + 1] == '"') {
        field_ += line[++i];
      } else if (c == '"') {
        if (!in_quotes_ && !was_quoted_) field_ = trimmed(field_);
        in_quotes_ = !in_quotes_;
        was_quoted_ = true;
      } else if (c == ',' && !in_quotes_) {
        end_field();
      } else if (!was_quoted_ || in_quotes_ || (c != ' ' && c != '\t')) {
        field_ += c;
      }
    }
    if (in_quotes_) {
      field_ += '\n';
    } else {
      end_field();
    }
  }

 private:
  void end_field() {
    fields_.push_back(was_quoted_ ? std::exchange(field_, "") : trimmed(std::exchange(field_, "")));
    was_quoted_ = false;
  }

  std::vector<std::string>& fields_;
  std::string field_;
  bool in_quotes_ = false;
  bool was_quoted_ = false;
};

}  // namespace

bool CsvReader::next(std::vector<std::string>& fields) {
  std::string line;
  Fields collected(fields);
  while (std::getline(text_, line)) {
    ++n_lines_;
    if (line.ends_with('\r')) line.pop_back();
    if (n_lines_ == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
    if (!collected.is_in_quotes()) {
      if (trimmed(line).empty()) continue;
      line_ = n_lines_;
    }
    collected.add_line(line);
    if (!collected.is_in_quotes()) return true;
  }
  if (collected.is_in_quotes()) {
    throw DataError(file_ + ":" + std::to_string(line_) + ": a quote is not closed; close it, or double it (\"\") where "
                    "it is part of a text");
  }
  return false;
}

std::optional<double> read_csv_number(const std::string& text) {
  const char* first = text.data() + (text.starts_with('+') ? 1 : 0);
  const char* last = text.data() + text.size();
  double value = 0;
  const auto [end, failure] = std::from_chars(first, last, value);
  if (end != last || failure == std::errc::invalid_argument) return std::nullopt;
  // Out of range is an overflow or an underflow; only strtod says which.
  if (failure == std::errc::result_out_of_range) return std::strtod(text.c_str(), nullptr);
  return value;
}

}  // namespace lockstep
