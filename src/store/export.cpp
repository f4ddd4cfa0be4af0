#include "store/export.h"

#include <cmath>
#include <filesystem>
#include <system_error>

#include <nlohmann/json.hpp>

#include <lockstep/error.h>

#include "core/atomic_file.h"
#include "store/output_directory.h"
#include "store/trial_state.h"

namespace lockstep {

using Json = nlohmann::ordered_json;

namespace {

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string duration(const TrialRecord& trial) {
  return trial.complete ? timedelta_text(trial.start, *trial.complete) : "";
}

Json named_values(const SearchSpace& space, const std::vector<Value>& values) {
  Json json = Json::object();
  for (int64_t column = 0; column < space.n_params(); ++column) {
    json[space[column].name] = Json::parse(values[static_cast<size_t>(column)].to_json());
  }
  return json;
}

Json exploits_json(const SweepRecord& record, const TrialRecord& trial) {
  Json json = Json::array();
  for (const ExploitRecord& exploit : trial.exploits) {
    json.push_back({{"interval", exploit.interval},
                    {"source", exploit.source},
                    {"hyperparameters", named_values(record.search_space, exploit.hyperparameters)}});
  }
  return json;
}

Json optional_number(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

/// A trial as the columns of trials.csv, with types; `hyperparameters` names them and puts them in.
template <typename AddHyperparameters>
Json trial_json(const TrialRecord& trial, const AddHyperparameters& add_hyperparameters) {
  Json entry;
  entry["number"] = trial.number;
  entry["value"] = optional_number(trial.value);
  entry["interval"] = trial.value ? Json(trial.best_interval) : Json(nullptr);
  entry["state"] = optuna_state(trial.state);
  entry["datetime_start"] = utc_text(trial.start);
  entry["datetime_complete"] = trial.complete ? Json(utc_text(*trial.complete)) : Json(nullptr);
  entry["duration"] = trial.complete ? Json(duration(trial)) : Json(nullptr);
  add_hyperparameters(entry);
  entry["intervals"] = trial.n_intervals;
  entry["reason"] = trial.reason;
  return entry;
}

/// A file written a piece at a time, so that a large sweep's text is never whole in memory.
class PiecewiseFile {
 public:
  explicit PiecewiseFile(const std::string& path) : file_(path) {}
  void add(const std::string& text) {
    pending_ += text;
    if (pending_.size() >= kChunk) flush();
  }
  void commit() {
    flush();
    file_.sync();
    file_.commit();
  }

 private:
  static constexpr size_t kChunk = size_t{1} << 20;
  void flush() {
    file_.write(pending_.data(), pending_.size());
    pending_.clear();
  }

  AtomicFile file_;
  std::string pending_;
};

}  // namespace

std::string optimism_note(int64_t n_trials) {
  return "The best of " + std::to_string(n_trials) + (n_trials == 1 ? " trial" : " trials") +
         " on validation data is an optimistic figure; the test metric, where there is one, was computed once, for "
         "this "
         "trial alone.";
}

std::string trials_csv(const SweepRecord& record) {
  std::string csv = "number,value,state,datetime_start,datetime_complete,duration";
  for (const Parameter& parameter : record.search_space.parameters()) {
    csv.append(",").append(csv_field("params_" + parameter.name));
  }
  const bool has_exploits = record.n_exploits() > 0;
  csv += has_exploits ? ",intervals,reason,exploits\n" : ",intervals,reason\n";
  for (const TrialRecord& trial : record.trials) {
    std::vector<std::string> fields = {
        std::to_string(trial.number), trial.value ? Value(*trial.value).to_json() : "", optuna_state(trial.state),
        utc_text(trial.start),        trial.complete ? utc_text(*trial.complete) : "",  duration(trial)};
    for (const Value& value : trial.hyperparameters) fields.push_back(value.to_string());
    fields.push_back(std::to_string(trial.n_intervals));
    fields.push_back(trial.reason);
    if (has_exploits) fields.push_back(std::to_string(trial.exploits.size()));
    for (size_t i = 0; i < fields.size(); ++i) csv.append(i == 0 ? "" : ",").append(csv_field(fields[i]));
    csv += '\n';
  }
  return csv;
}

std::string curves_csv(const SweepRecord& record, const Reports& reports) {
  std::string csv = "trial,interval,value\n";
  for (const TrialRecord& trial : record.trials) {
    const auto found = reports.find(trial.number);
    if (found == reports.end()) continue;
    for (size_t i = 0; i < found->second.size(); ++i) {
      const double value = found->second[i];
      csv += std::to_string(trial.number) + ',' + std::to_string(i + 1) + ',';
      csv += std::isfinite(value) ? Value(value).to_json() : std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
      csv += '\n';
    }
  }
  return csv;
}

void export_csv(const SweepRecord& record, const Reports& reports, const std::string& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) throw OutputError(folder + ": cannot be made: " + failed.message() + "; choose another with --output");
  write_file_atomically(folder, kTrialsFile, trials_csv(record));
  write_file_atomically(folder, kCurvesFile, curves_csv(record, reports));
}

void export_json(const SweepRecord& record, const Reports& reports, const std::string& path) {
  const auto list = [](PiecewiseFile& file, bool& is_first, const Json& entry) {
    file.add((is_first ? "\n" : ",\n") + json_text(entry, -1));
    is_first = false;
  };
  PiecewiseFile file(path);
  file.add("{\"sweep\": " + json_text(sweep_json(record), -1) + ",\n\"trials\": [");
  bool is_first = true;
  for (const TrialRecord& trial : record.trials) {
    list(file, is_first, trial_json(trial, [&](Json& columns) {
           for (int64_t column = 0; column < record.search_space.n_params(); ++column) {
             columns["params_" + record.search_space[column].name] =
                 Json::parse(trial.hyperparameters[static_cast<size_t>(column)].to_json());
           }
         }));
  }
  file.add("],\n\"curves\": [");
  is_first = true;
  for (const TrialRecord& trial : record.trials) {
    const auto found = reports.find(trial.number);
    // nlohmann writes what is not finite as null.
    if (found != reports.end()) list(file, is_first, {{"trial", trial.number}, {"values", found->second}});
  }
  file.add("]}\n");
  file.commit();
}

Json sweep_json(const SweepRecord& record) {
  Json json = {{"name", record.display_name}};
  json.update(best_json(record));
  json.erase("exploits");
  json["device"] = record.device;
  json["lockstep_version"] = record.lockstep_version;
  json["elapsed_s"] = record.elapsed_s;
  json["trial_intervals"] = record.trial_intervals;
  json["trial_intervals_without_policy"] = record.trial_intervals_full;
  return json;
}

Json hyperparameters_json(const SweepRecord& record, const TrialRecord& trial) {
  return named_values(record.search_space, trial.hyperparameters);
}

Json trials_json(const SweepRecord& record) {
  const bool has_exploits = record.n_exploits() > 0;
  Json json = Json::array();
  for (const TrialRecord& trial : record.trials) {
    Json entry = trial_json(
        trial, [&](Json& columns) { columns["hyperparameters"] = hyperparameters_json(record, trial); });
    if (has_exploits) entry["exploits"] = exploits_json(record, trial);
    json.push_back(std::move(entry));
  }
  return json;
}

Json best_json(const SweepRecord& record) {
  const TrialRecord* best = record.best();
  Json json;
  json["trial"] = best ? Json(best->number) : Json(nullptr);
  json["metric"] = record.primary_metric;
  json["goal"] = record.goal == Goal::kMaximize ? "maximize" : "minimize";
  json["value"] = best ? Json(*best->value) : Json(nullptr);
  json["interval"] = best ? Json(best->best_interval) : Json(nullptr);
  json["test_metric"] = optional_number(record.test_value);
  json["hyperparameters"] = best ? hyperparameters_json(record, *best) : Json::object();
  if (record.n_exploits() > 0) json["exploits"] = best ? exploits_json(record, *best) : Json::array();
  json["seed"] = record.seed;
  json["n_trials"] = record.trials.size();
  json["note"] = best ? optimism_note(static_cast<int64_t>(record.trials.size())) : "no trial reported a finite metric";
  return json;
}

std::string json_text(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

void export_results(const SweepRecord& record) {
  write_file_atomically(record.directory, kTrialsFile, trials_csv(record));
  write_file_atomically(record.directory, kBestFile, json_text(best_json(record)) + "\n");
}

}  // namespace lockstep
