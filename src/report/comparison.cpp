#include "report/comparison.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "report/format.h"
#include "report/summary.h"
#include "store/trial_state.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

constexpr TrialState kStates[] = {TrialState::kFinished, TrialState::kStopped, TrialState::kDiverged,
                                  TrialState::kFailed,   TrialState::kAborted, TrialState::kRunning};

const char* goal_word(Goal goal) { return goal == Goal::kMaximize ? "maximize" : "minimize"; }

/// "0.97", or "" without one.
std::string number_or_nothing(const std::optional<double>& value) { return value ? format_number(*value) : ""; }

/// The rows of the table beside the best configuration: a name and each sweep's text.
struct RowKind {
  const char* name;
  std::function<std::string(const SweepRecord&)> text;
};

std::vector<RowKind> row_kinds() {
  std::vector<RowKind> kinds = {
      {"sweep", [](const SweepRecord& record) { return record.display_name; }},
      {"metric", [](const SweepRecord& record) { return record.primary_metric + ", " + goal_word(record.goal); }},
      {"best value",
       [](const SweepRecord& record) { return record.best() ? format_number(*record.best()->value) : "none"; }},
      {"test value", [](const SweepRecord& record) { return number_or_nothing(record.test_value); }},
      {"best trial",
       [](const SweepRecord& record) { return record.best() ? std::to_string(record.best()->number) : ""; }},
      {"at interval",
       [](const SweepRecord& record) { return record.best() ? std::to_string(record.best()->best_interval) : ""; }},
      {"trials", [](const SweepRecord& record) {
         return format_count(static_cast<int64_t>(record.trials.size())) +
                (record.n_trials > static_cast<int64_t>(record.trials.size()) ? " of " + format_count(record.n_trials) : "");
       }}};
  for (const TrialState state : kStates) {
    kinds.push_back({state_word(state), [state](const SweepRecord& record) {
                       const int64_t n = record.count(state);
                       return n == 0 ? "" : format_count(n);
                     }});
  }
  kinds.push_back({"intervals", [](const SweepRecord& record) { return format_count(record.trial_intervals); }});
  kinds.push_back({"saved by stopping", [](const SweepRecord& record) { return format_percent(record.savings()); }});
  kinds.push_back({"time", [](const SweepRecord& record) { return format_duration(record.elapsed_s); }});
  kinds.push_back({"best trial's end after", [](const SweepRecord& record) {
                     const auto seconds = seconds_to_best(record);
                     return seconds ? format_duration(*seconds) : "";
                   }});
  kinds.push_back({"end", [](const SweepRecord& record) {
    return std::string(record.end == RecordedEnd::kNone ? "running, or killed" : end_word(record.end));
  }});
  kinds.push_back({"device", [](const SweepRecord& record) { return record.device; }});
  kinds.push_back({"seed", [](const SweepRecord& record) {
                     const bool is_unknown = record.is_imported() && record.seed == 0;
                     return is_unknown ? "" : std::to_string(record.seed);
                   }});
  return kinds;
}

/// Adds a row unless it says nothing of any sweep.
void add_row(std::vector<std::vector<std::string>>& rows, const std::vector<std::string>& row) {
  const bool says_nothing = std::all_of(row.begin() + 1, row.end(), [](const std::string& cell) { return cell.empty(); });
  if (!says_nothing) rows.push_back(row);
}

/// The names of all sweeps' hyperparameters, in the order in which they first appear.
std::vector<std::string> all_names(const std::vector<SweepRecord>& sweeps) {
  std::vector<std::string> names;
  for (const SweepRecord& record : sweeps) {
    for (const Parameter& parameter : record.search_space.parameters()) {
      if (std::find(names.begin(), names.end(), parameter.name) == names.end()) names.push_back(parameter.name);
    }
  }
  return names;
}

std::string best_value_of(const SweepRecord& record, const std::string& name) {
  const auto column = record.search_space.find(name);
  if (!column || !record.best()) return "";
  return format_value(record.best()->hyperparameters[static_cast<size_t>(*column)]);
}

/// What the best of each says about the others.
std::string verdict_text(const SweepComparison& comparison) {
  if (!comparison.why_not.empty()) return "Not compared: " + printable(comparison.why_not) + ".\n";
  if (!comparison.best) return "No trial of any sweep reported a finite metric.\n";
  const SweepRecord& first = comparison.sweeps[*comparison.best];
  std::string text = "Best: " + printable(first.directory) + ", " + printable(first.primary_metric) + " " +
                     format_number(*first.best()->value);
  for (const SweepRecord& record : comparison.sweeps) {
    if (&record == &first || !record.best()) continue;
    const double difference = std::abs(*first.best()->value - *record.best()->value);
    text += difference == 0 ? "; " + printable(record.directory) + " has the same"
                            : "; " + format_number(difference) + " better than " + printable(record.directory);
  }
  return text + ".\nA best value is the best of many trials on validation data, so that of more trials is the more optimistic one.\n";
}

}  // namespace

SweepComparison compare_sweeps(std::vector<SweepRecord> sweeps) {
  SweepComparison comparison{std::move(sweeps), "", std::nullopt};
  const auto& all = comparison.sweeps;
  if (all.empty()) return comparison;
  const SweepRecord& first = all.front();
  for (const SweepRecord& record : all) {
    if (!comparison.why_not.empty()) break;
    if (record.primary_metric != first.primary_metric) {
      comparison.why_not = "the metric is " + first.primary_metric + " in " + first.directory + " and " +
                           record.primary_metric + " in " + record.directory;
    } else if (record.goal != first.goal) {
      comparison.why_not = first.primary_metric + " is to " + goal_word(first.goal) + " in " + first.directory +
                           " and to " + goal_word(record.goal) + " in " + record.directory;
    }
  }
  if (!comparison.why_not.empty()) return comparison;
  const double sign = first.goal == Goal::kMaximize ? -1 : 1;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!all[i].best()) continue;
    if (!comparison.best || sign * *all[i].best()->value < sign * *all[*comparison.best].best()->value) comparison.best = i;
  }
  return comparison;
}

std::optional<double> seconds_to_best(const SweepRecord& record) {
  const TrialRecord* best = record.best();
  if (!best || !best->complete) return std::nullopt;
  return std::chrono::duration<double>(*best->complete - record.start).count();
}

std::string comparison_text(const SweepComparison& comparison) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row = {""};
  for (const SweepRecord& record : comparison.sweeps) row.push_back(record.directory);
  rows.push_back(row);
  for (const RowKind& kind : row_kinds()) {
    row = {kind.name};
    for (const SweepRecord& record : comparison.sweeps) row.push_back(kind.text(record));
    add_row(rows, row);
  }
  for (const std::string& name : all_names(comparison.sweeps)) {
    row = {"  " + name};
    for (const SweepRecord& record : comparison.sweeps) row.push_back(best_value_of(record, name));
    add_row(rows, row);
  }
  return format_table(rows) + "\n" + verdict_text(comparison);
}

Json comparison_json(const SweepComparison& comparison) {
  Json json;
  json["comparable"] = comparison.why_not.empty();
  json["why_not"] = comparison.why_not.empty() ? Json() : Json(comparison.why_not);
  json["best"] = comparison.best ? Json(comparison.sweeps[*comparison.best].directory) : Json();
  json["sweeps"] = Json::array();
  for (const SweepRecord& record : comparison.sweeps) {
    const TrialRecord* best = record.best();
    Json entry;
    entry["directory"] = record.directory;
    entry["name"] = record.display_name;
    entry["metric"] = record.primary_metric;
    entry["goal"] = goal_word(record.goal);
    entry["value"] = best ? Json(*best->value) : Json();
    entry["test_metric"] = record.test_value ? Json(*record.test_value) : Json();
    entry["trial"] = best ? Json(best->number) : Json();
    entry["interval"] = best ? Json(best->best_interval) : Json();
    entry["hyperparameters"] = Json::object();
    for (int64_t column = 0; best && column < record.search_space.n_params(); ++column) {
      entry["hyperparameters"][record.search_space[column].name] =
          to_json(best->hyperparameters[static_cast<size_t>(column)]);
    }
    entry["trials"] = {{"total", record.n_trials}, {"started", record.trials.size()}};
    for (const TrialState state : kStates) entry["trials"][state_word(state)] = record.count(state);
    entry["trial_intervals"] = record.trial_intervals;
    entry["trial_intervals_without_policy"] = record.trial_intervals_full;
    entry["savings"] = record.savings();
    entry["elapsed_s"] = record.elapsed_s;
    const auto seconds = seconds_to_best(record);
    entry["best_trial_ended_after_s"] = seconds ? Json(*seconds) : Json();
    entry["end"] = record.end == RecordedEnd::kNone ? Json() : Json(end_word(record.end));
    entry["device"] = record.device;
    entry["seed"] = record.seed;
    json["sweeps"].push_back(std::move(entry));
  }
  return json;
}

}  // namespace lockstep
