#include "core/recorded_curves.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <system_error>

#include <lockstep/error.h>

#include "core/csv_reader.h"

namespace lockstep {

namespace {

constexpr const char* kColumnsCure = "; the first line names the columns: trial, interval and value are needed";
/// Beyond it a double no longer names every whole number.
constexpr double kMaxInterval = 9e15;

[[noreturn]] void refuse_line(const std::string& file, int64_t line, const std::string& problem) {
  throw DataError(file + (line > 0 ? ":" + std::to_string(line) : "") + ": " + problem);
}

/// Where the three columns stand.
struct Columns {
  std::array<size_t, 3> at{};
  size_t needed = 0;  ///< fields that a line must have
};

Columns find_columns(const std::vector<std::string>& header, const std::string& file, int64_t line) {
  static const std::array<const char*, 3> kNames = {"trial", "interval", "value"};
  Columns columns;
  for (size_t i = 0; i < kNames.size(); ++i) {
    const auto n = std::count(header.begin(), header.end(), kNames[i]);
    if (n != 1) {
      const std::string column = std::string("column '") + kNames[i] + "'";
      refuse_line(file, line, (n == 0 ? "there is no " + column : column + " stands there twice") + kColumnsCure);
    }
    columns.at[i] = static_cast<size_t>(std::find(header.begin(), header.end(), kNames[i]) - header.begin());
    columns.needed = std::max(columns.needed, columns.at[i] + 1);
  }
  return columns;
}

}  // namespace

int64_t RecordedCurves::n_values() const {
  int64_t n = 0;
  for (const auto& curve : curves) n += static_cast<int64_t>(curve.size());
  return n;
}

int64_t RecordedCurves::n_intervals() const {
  size_t n = 0;
  for (const auto& curve : curves) n = std::max(n, curve.size());
  return static_cast<int64_t>(n);
}

void CurveCollector::add(const std::string& trial, int64_t interval, double value, int64_t line) {
  const auto [found, is_new] = rows_.emplace(trial, names_.size());
  if (is_new) {
    names_.push_back(trial);
    reports_.emplace_back();
  }
  reports_[found->second].push_back({interval, value, line});
}

void CurveCollector::refuse(int64_t line, const std::string& problem, const std::string& cure) const {
  refuse_line(file_, line, problem + "; " + cure);
}

RecordedCurves CurveCollector::finish() {
  if (names_.empty()) refuse(0, "no learning curve is recorded", "give a record with a value per trial and interval");
  RecordedCurves result;
  int64_t first = std::numeric_limits<int64_t>::max();
  for (auto& reports : reports_) {
    std::stable_sort(reports.begin(), reports.end(),
                     [](const Report& a, const Report& b) { return a.interval < b.interval; });
    first = std::min(first, reports.front().interval);
  }
  result.counts_from_zero = first == 0;
  const int64_t base = result.counts_from_zero ? 0 : 1;
  for (size_t row = 0; row < names_.size(); ++row) {
    std::vector<double> curve;
    for (const Report& report : reports_[row]) {
      const int64_t expected = base + static_cast<int64_t>(curve.size());
      if (report.interval == expected) {
        curve.push_back(report.value);
        continue;
      }
      const std::string trial = "trial " + names_[row];
      if (report.interval < expected && report.interval >= base) {
        refuse(report.line, trial + " reports interval " + std::to_string(report.interval) + " twice", "remove one");
      }
      if (report.interval < base) {
        refuse(report.line, trial + " reports interval " + std::to_string(report.interval),
               "count a trial's intervals from 1, or from 0 in the whole file");
      }
      refuse(report.line, trial + " has no interval " + std::to_string(expected) + " before its interval " +
                              std::to_string(report.interval),
             std::string("number the reports of a trial ") + (base == 0 ? "0, 1, 2" : "1, 2, 3") +
                 ", ... without gaps" +
                 (base == 0 && expected == 0 ? " (another trial of this file counts from 0)" : ""));
    }
    result.curves.push_back(std::move(curve));
  }
  result.names = std::move(names_);
  return result;
}

RecordedCurves parse_curves_csv(std::istream& text, const std::string& file) {
  CsvReader reader(text, file);
  std::vector<std::string> fields;
  if (!reader.next(fields)) refuse_line(file, 0, std::string("is empty") + kColumnsCure);
  const Columns columns = find_columns(fields, file, reader.line());
  CurveCollector collector(file);
  while (reader.next(fields)) {
    const int64_t n = reader.line();
    if (fields.size() < columns.needed) {
      refuse_line(file, n,
                  "has " + std::to_string(fields.size()) + " fields, and the header puts a needed one at place " +
                      std::to_string(columns.needed) + "; complete or remove the line");
    }
    const std::string& trial = fields[columns.at[0]];
    const std::string& interval_text = fields[columns.at[1]];
    const std::string& value_text = fields[columns.at[2]];
    if (trial.empty()) refuse_line(file, n, "the trial is empty; write its number or name");
    const std::optional<double> interval = read_csv_number(interval_text);
    if (!interval || !(*interval >= 0 && *interval <= kMaxInterval) || *interval != std::floor(*interval)) {
      refuse_line(file, n, "the interval '" + interval_text + "' is no whole number from 0; write 1, 2, 3, ...");
    }
    const std::optional<double> value =
        value_text.empty() ? std::numeric_limits<double>::quiet_NaN() : read_csv_number(value_text);
    if (!value) refuse_line(file, n, "the value '" + value_text + "' is no number; write one, nan or inf");
    collector.add(trial, static_cast<int64_t>(*interval), *value, n);
  }
  return collector.finish();
}

RecordedCurves load_curves_csv(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw DataError(path + ": is a folder; name the file in it");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw DataError(path + ": cannot be opened: " + std::strerror(errno) + "; check the path");
  RecordedCurves curves = parse_curves_csv(file, path);
  if (file.bad()) throw DataError(path + ": cannot be read to its end; check the file");
  return curves;
}

RecordedExecutor::RecordedExecutor(const RecordedCurves& curves, const Backend& backend, const Context& context)
    : curves_(curves),
      backend_(backend),
      context_(context),
      ages_(curves.curves.size(), 0),
      slots_(curves.curves.size(), -1) {}

int64_t RecordedExecutor::n_intervals(int64_t trial) const {
  return static_cast<int64_t>(curves_.curves.at(static_cast<size_t>(trial)).size());
}

void RecordedExecutor::start(std::span<const Placement> placements) {
  for (const auto& [slot, trial] : placements) {
    slots_[static_cast<size_t>(trial)] = slot;
    running_.push_back(trial);
    metrics_.resize(std::max(metrics_.size(), static_cast<size_t>(slot) + 1));
  }
}

void RecordedExecutor::train_interval(double* metrics) {
  for (const int64_t trial : running_) {
    const auto row = static_cast<size_t>(trial);
    metrics_[static_cast<size_t>(slots_[row])] = curves_.curves[row].at(ages_[row]++);
  }
  // The slots in between are nobody's, or are read by nobody.
  backend_.copy_to_device(context_, metrics, metrics_.data(), static_cast<int64_t>(metrics_.size() * sizeof(double)));
}

void RecordedExecutor::retire(std::span<const int64_t> trials) {
  for (const int64_t trial : trials) slots_[static_cast<size_t>(trial)] = -1;
  std::erase_if(running_, [this](int64_t trial) { return slots_[static_cast<size_t>(trial)] < 0; });
}

}  // namespace lockstep
