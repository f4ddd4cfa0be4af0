#include "report/sample_writer.h"

#include <bit>
#include <charconv>
#include <cmath>

#include <lockstep/value.h>

namespace lockstep {

namespace {

// A double of ours is a double of the file.
static_assert(std::endian::native == std::endian::little);

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

void append_integer(int64_t number, std::string& text) {
  char digits[24];
  text.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

/// The shortest text that reads back to the same bits, with a point or an exponent: a real stays a real.
void append_real(double number, std::string& text) {
  char digits[32];
  char* const end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  text.append(digits, end);
  for (const char* c = digits; c != end; ++c) {
    if (*c == '.' || *c == 'e' || *c == 'n') return;  // n: inf, nan
  }
  text += ".0";
}

}  // namespace

SampleWriter::SampleWriter(const SearchSpace& space, SampleFormat format, int64_t n_trials)
    : format_(format), n_trials_(n_trials), csv_header_("trial") {
  for (const Parameter& parameter : space.parameters()) {
    csv_header_ += "," + csv_cell(parameter.name);
    Column column;
    column.prefix = ", " + Value(parameter.name).to_json() + ": ";
    column.is_integer = parameter.distribution.is_integer();
    for (const Value& value : parameter.distribution.values) {
      column.choices.push_back(format == SampleFormat::kJson ? value.to_json() : csv_cell(value.to_string()));
    }
    columns_.push_back(std::move(column));
  }
}

std::string SampleWriter::header() const {
  if (format_ == SampleFormat::kCsv) return csv_header_ + "\n";
  if (format_ == SampleFormat::kJson) return "[";
  std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (" + std::to_string(n_trials_) + ", " +
                       std::to_string(columns_.size()) + "), }";
  constexpr size_t kPreamble = 10;   // magic, version, length
  constexpr size_t kAlignment = 64;  // of the data
  while ((kPreamble + header.size() + 1) % kAlignment != 0) header += ' ';
  header += '\n';
  std::string preamble("\x93NUMPY\x01\x00", 8);
  preamble += static_cast<char>(header.size() & 0xFF);
  preamble += static_cast<char>(header.size() >> 8);
  return preamble + header;
}

void SampleWriter::append(int64_t first_trial, int64_t n_trials, const double* draws, std::string& text) {
  if (format_ == SampleFormat::kNpy) {
    text.append(reinterpret_cast<const char*>(draws), static_cast<size_t>(n_trials) * columns_.size() * sizeof(double));
    return;
  }
  const bool json = format_ == SampleFormat::kJson;
  for (int64_t trial = first_trial; trial < first_trial + n_trials; ++trial) {
    if (json) text += n_appended_++ == 0 ? "\n{\"trial\": " : ",\n{\"trial\": ";
    append_integer(trial, text);
    for (const Column& column : columns_) {
      const double draw = *draws++;
      if (json) {
        text += column.prefix;
      } else {
        text += ',';
      }
      if (!column.choices.empty()) {
        text += column.choices[static_cast<size_t>(draw)];
      } else if (column.is_integer) {
        append_integer(static_cast<int64_t>(draw), text);
      } else if (json && !std::isfinite(draw)) {
        text += "null";
      } else {
        append_real(draw, text);
      }
    }
    text += json ? '}' : '\n';
  }
}

std::string SampleWriter::footer() const { return format_ == SampleFormat::kJson ? "\n]\n" : ""; }

}  // namespace lockstep
