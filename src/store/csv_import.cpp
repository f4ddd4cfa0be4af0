#include "store/csv_import.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include <lockstep/error.h>

#include "core/csv_reader.h"
#include "core/recorded_curves.h"
#include "store/draw_of.h"
#include "store/trial_state.h"
#include "store/utf8.h"

namespace lockstep {

namespace {

constexpr const char* kParamsPrefix = "params_";

struct Row {
  int64_t line = 0;
  std::vector<std::string> cells;
};

struct Table {
  std::string file;
  std::vector<std::string> header;
  std::vector<Row> rows;
};

Table read_table(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw DataError(path + ": is a folder; name the file in it (a sweep's folder needs no import)");
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw DataError(path + ": cannot be opened: " + std::strerror(errno) + "; check the path");
  Table table{path, {}, {}};
  CsvReader reader(file, path);
  if (!reader.next(table.header)) {
    throw DataError(path + ": is empty; the first line names the columns, and each other line is a trial");
  }
  for (std::string& name : table.header) name = as_utf8(name);
  Row row;
  while (reader.next(row.cells)) {
    row.line = reader.line();
    table.rows.push_back(std::move(row));
  }
  if (file.bad()) throw DataError(path + ": cannot be read to its end; check the file");
  return table;
}

std::string column_list(const Table& table) {
  std::string names;
  for (const std::string& name : table.header) {
    if (!name.empty()) names += (names.empty() ? "'" : ", '") + name + "'";
  }
  return names;
}

std::optional<size_t> find_column(const Table& table, const std::string& name) {
  std::optional<size_t> found;
  for (size_t i = 0; i < table.header.size(); ++i) {
    if (table.header[i] != name) continue;
    if (found) throw DataError(table.file + ":1: column '" + name + "' stands there twice; rename one");
    found = i;
  }
  return found;
}

size_t require_column(const Table& table, const std::string& name, const std::string& cure) {
  if (const auto found = find_column(table, name)) return *found;
  throw DataError(table.file + ":1: there is no column '" + name + "'; " + cure + " from " + column_list(table));
}

struct ParamColumn {
  std::string name;
  size_t column = 0;
};

struct Columns {
  size_t value = 0;
  std::optional<size_t> number, state, start, complete, reason;
  std::vector<ParamColumn> params;
};

/// What trials_dataframe(), trials.csv and pandas have beside hyperparameters.
bool means_something_else(const std::string& name) {
  static const std::set<std::string> kNames = {"",         "number",    "value",  "state",   "datetime_start", "datetime_complete",
                                               "duration", "intervals", "reason", "exploits"};
  return kNames.contains(name) || name.starts_with("user_attrs_") || name.starts_with("system_attrs_") ||
         name.starts_with("Unnamed: ");
}

/// A column with the prefix or without; the name is without.
ParamColumn find_param(const Table& table, const std::string& name, const std::string& cure) {
  if (const auto found = find_column(table, kParamsPrefix + name)) return {name, *found};
  const size_t column = require_column(table, name, cure);
  const bool has_prefix = name.starts_with(kParamsPrefix) && name != kParamsPrefix;
  return {has_prefix ? name.substr(std::strlen(kParamsPrefix)) : name, column};
}

std::vector<ParamColumn> find_params(const Table& table, const CsvImportOptions& options, size_t value_column) {
  std::vector<ParamColumn> params;
  if (options.space) {
    for (const Parameter& parameter : options.space->parameters()) {
      params.push_back(find_param(table, parameter.name, "the search space names it; choose its names"));
    }
    return params;
  }
  for (const std::string& name : options.parameters) {
    params.push_back(find_param(table, name, "choose with --parameters"));
  }
  if (!params.empty()) return params;
  for (const bool with_prefix : {true, false}) {
    for (size_t i = 0; i < table.header.size(); ++i) {
      const std::string& name = table.header[i];
      if (i == value_column || means_something_else(name)) continue;
      if (name.starts_with(kParamsPrefix) == with_prefix) params.push_back(find_param(table, name, ""));
    }
    if (!params.empty()) return params;
  }
  throw DataError(table.file + ":1: no column is a hyperparameter; choose them with --parameters from " +
                  column_list(table));
}

Columns find_columns(const Table& table, const CsvImportOptions& options) {
  Columns columns;
  const auto named = options.metric.empty() ? std::nullopt : find_column(table, options.metric);
  columns.value = named ? *named : require_column(table, "value", "name the metric's column with --metric");
  columns.number = find_column(table, "number");
  columns.state = find_column(table, "state");
  columns.start = find_column(table, "datetime_start");
  columns.complete = find_column(table, "datetime_complete");
  columns.reason = find_column(table, "reason");
  columns.params = find_params(table, options, columns.value);
  std::set<std::string> names;
  for (const ParamColumn& param : columns.params) {
    if (!names.insert(param.name).second) {
      throw DataError(table.file + ":1: two columns are the hyperparameter '" + param.name +
                      "'; choose with --parameters");
    }
  }
  return columns;
}

/// A cell by its looks: a boolean, an integer, a number, a list, or text.
Value value_of(const std::string& cell) {
  if (cell == "true" || cell == "True") return true;
  if (cell == "false" || cell == "False") return false;
  int64_t integer = 0;
  const char* end = cell.data() + cell.size();
  if (const auto read = std::from_chars(cell.data(), end, integer); read.ec == std::errc() && read.ptr == end) {
    return integer;
  }
  if (const auto number = read_csv_number(cell); number && std::isfinite(*number)) return *number;
  if (cell.starts_with('[')) {
    const auto json = nlohmann::json::parse(cell, nullptr, false);
    Value::List list;
    if (json.is_array()) {
      for (const auto& each : json) {
        if (each.is_number_integer()) list.push_back(each.get<int64_t>());
        if (each.is_number_float()) list.push_back(each.get<double>());
        if (each.is_string()) list.push_back(each.get<std::string>());
        if (each.is_boolean()) list.push_back(each.get<bool>());
      }
      if (list.size() == json.size()) return list;
    }
  }
  return as_utf8(cell);
}

std::string cell_of(const Row& row, std::optional<size_t> column) {
  return column && *column < row.cells.size() ? row.cells[*column] : "";
}

/// The distribution that a column's values look like.
Distribution distribution_of(const Table& table, const ParamColumn& param) {
  std::vector<Value> values;
  std::set<std::string> seen;
  bool all_integers = true, all_numbers = true;
  double low = 0, high = 0;
  for (const Row& row : table.rows) {
    const std::string cell = cell_of(row, param.column);
    if (cell.empty()) continue;
    Value value = value_of(cell);
    all_integers = all_integers && value.is_integer() && std::abs(value.as_real()) <= 0x1p53;
    all_numbers = all_numbers && value.is_number();
    if (all_numbers) {
      low = values.empty() ? value.as_real() : std::min(low, value.as_real());
      high = values.empty() ? value.as_real() : std::max(high, value.as_real());
    }
    if (seen.insert(value.to_json()).second) values.push_back(std::move(value));
  }
  if (values.empty()) {
    throw DataError(table.file + ": column '" + table.header[param.column] +
                    "' is empty; leave it out by naming the others with --parameters");
  }
  if (all_integers) return int_range(static_cast<int64_t>(low), static_cast<int64_t>(high));
  if (all_numbers) return uniform(low, high);
  return choice(std::move(values));
}

std::optional<double> read_draw(const Distribution& distribution, const std::string& cell) {
  if (distribution.spec.kind == DistributionKind::kChoice) {
    for (size_t i = 0; i < distribution.values.size(); ++i) {
      if (distribution.values[i].to_string() == cell) return static_cast<double>(i);
    }
    const Value value = value_of(cell);
    for (size_t i = 0; i < distribution.values.size() && value.is_number(); ++i) {
      // 1e-1 where the choice is 0.1
      const Value& each = distribution.values[i];
      if (each.is_number() && each.as_real() == value.as_real()) return static_cast<double>(i);
    }
    return draw_of(distribution, value);
  }
  const auto number = read_csv_number(cell);
  return number ? draw_of(distribution, *number) : std::nullopt;
}

/// Optuna's words, also as Python prints them ("TrialState.COMPLETE"), and ours.
struct RowState {
  TrialState state = TrialState::kFinished;
  bool is_waiting = false;
};

std::optional<RowState> read_state(std::string text, const std::string& reason) {
  if (const size_t point = text.rfind('.'); point != std::string::npos) text.erase(0, point + 1);
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (text.empty() || text == "complete" || text == "finished") return RowState{TrialState::kFinished};
  if (text == "pruned" || text == "stopped") return RowState{TrialState::kStopped};
  if (text == "diverged") return RowState{TrialState::kDiverged};
  if (text == "fail" || text == "failed") {
    return RowState{reason.starts_with("diverged") ? TrialState::kDiverged : TrialState::kFailed};
  }
  if (text == "aborted") return RowState{TrialState::kAborted};
  if (text == "running") return RowState{TrialState::kAborted};
  if (text == "waiting") return RowState{TrialState::kAborted, true};
  return std::nullopt;
}

/// Turns rows into trials.
class RowReader {
 public:
  RowReader(const Table& table, const Columns& columns, const SearchSpace& space) : columns_(columns), space_(space) {
    for (const Row& row : table.rows) {
      for (const auto column : {columns.start, columns.complete}) {
        const std::string text = cell_of(row, column);
        if (!text.empty()) start_ = std::min(start_.value_or(parse_utc(text)), parse_utc(text));
      }
    }
    if (!start_) start_ = std::chrono::system_clock::now();
  }

  /// Returns why the row is left out; "" when it is not.
  std::string read(const Row& row, int64_t index, ImportedTrial& trial) {
    trial.number = index;
    if (columns_.number) {
      const std::string text = cell_of(row, columns_.number);
      const auto number = read_csv_number(text);
      if (!number || !(*number >= 0 && *number <= static_cast<double>(kMaxTrialNumber)) || *number != std::floor(*number)) {
        return "the number is no whole number from 0";
      }
      trial.number = static_cast<int64_t>(*number);
    }
    if (!numbers_.insert(trial.number).second) return "an earlier line has the same number";
    trial.reason = as_utf8(cell_of(row, columns_.reason));
    const auto state = read_state(cell_of(row, columns_.state), trial.reason);
    if (!state) return "the state is none of COMPLETE, PRUNED, FAIL, RUNNING, WAITING";
    if (state->is_waiting) return "waiting, so never started";
    trial.state = state->state;
    for (size_t i = 0; i < columns_.params.size(); ++i) {
      const ParamColumn& param = columns_.params[i];
      const std::string cell = cell_of(row, param.column);
      const auto draw = read_draw(space_[static_cast<int64_t>(i)].distribution, cell);
      if (!draw && cell.empty()) return "there is no '" + param.name + "'";
      if (!draw) return "the '" + param.name + "' is none of the hyperparameter's values";
      trial.draws.push_back(*draw);
    }
    if (const std::string why = read_value(cell_of(row, columns_.value), trial); !why.empty()) return why;
    read_times(row, trial);
    if (trial.reason.empty()) trial.reason = std::string(state_word(trial.state)) + ": as it was recorded";
    return "";
  }

 private:
  std::string read_value(const std::string& cell, ImportedTrial& trial) {
    const auto value = read_csv_number(cell);
    if (!cell.empty() && !value) return "the value is no number";
    if (!value) return trial.state == TrialState::kFinished ? "there is no value" : "";
    trial.reports = {*value};
    if (trial.state == TrialState::kFinished && !std::isfinite(*value)) trial.state = TrialState::kDiverged;
    const bool counts = trial.state == TrialState::kFinished || trial.state == TrialState::kStopped;
    if (counts && std::isfinite(*value)) trial.value = value;
    return "";
  }

  void read_times(const Row& row, ImportedTrial& trial) const {
    const std::string start = cell_of(row, columns_.start), complete = cell_of(row, columns_.complete);
    if (!complete.empty()) trial.complete = parse_utc(complete);
    trial.start = !start.empty() ? parse_utc(start) : trial.complete.value_or(*start_);
  }

  const Columns& columns_;
  const SearchSpace& space_;
  std::set<int64_t> numbers_;
  std::optional<UtcTime> start_;
};

/// Gives trials the reports that a file of curves has of them.
void add_curves(const std::string& path, ImportedSweep& sweep) {
  RecordedCurves curves = load_curves_csv(path);
  std::map<std::string, size_t> rows;
  for (size_t i = 0; i < curves.names.size(); ++i) rows[curves.names[i]] = i;
  size_t n_used = 0;
  for (ImportedTrial& trial : sweep.trials) {
    const auto found = rows.find(std::to_string(trial.number));
    if (found == rows.end()) continue;
    trial.reports = std::move(curves.curves[found->second]);
    ++n_used;
  }
  if (n_used < curves.names.size()) {
    sweep.notes.push_back(path + ": curves of " + std::to_string(curves.names.size() - n_used) +
                          (curves.names.size() - n_used == 1 ? " trial left out: no trial has its number"
                                                                : " trials left out: no trial has their number"));
  }
}

}  // namespace

ImportedSweep import_trials_csv(const std::string& path, const CsvImportOptions& options) {
  const Table table = read_table(path);
  const Columns columns = find_columns(table, options);
  ImportedSweep sweep;
  sweep.source = path;
  sweep.name = as_utf8(std::filesystem::path(path).stem().string());
  sweep.metric = options.metric.empty() ? "value" : as_utf8(options.metric);
  sweep.goal = options.goal;
  for (size_t i = 0; i < columns.params.size(); ++i) {
    sweep.space.add(columns.params[i].name, options.space ? (*options.space)[static_cast<int64_t>(i)].distribution
                                                          : distribution_of(table, columns.params[i]));
  }
  RowReader reader(table, columns, sweep.space);
  for (size_t i = 0; i < table.rows.size(); ++i) {
    ImportedTrial trial;
    const std::string why = reader.read(table.rows[i], static_cast<int64_t>(i), trial);
    if (why.empty()) {
      sweep.trials.push_back(std::move(trial));
    } else {
      sweep.left_out.add(why, "line " + std::to_string(table.rows[i].line));
    }
  }
  std::sort(sweep.trials.begin(), sweep.trials.end(),
            [](const ImportedTrial& a, const ImportedTrial& b) { return a.number < b.number; });
  if (!options.curves.empty()) add_curves(options.curves, sweep);
  if (sweep.trials.empty()) {
    std::string message = path + ": no trial can be imported";
    for (const std::string& line : sweep.left_out.lines("left out")) message += "\n  " + line;
    throw DataError(message + "\neach line but the first has to be a trial; see docs/results.md");
  }
  return sweep;
}

}  // namespace lockstep
