#include "store/tensorboard_export.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include <lockstep/error.h>

#include "store/output_directory.h"
#include "store/tensorboard_events.h"

namespace lockstep {

namespace fs = std::filesystem;

namespace {

double seconds(UtcTime time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

constexpr const char* kPrefix = "events.out.tfevents.";
constexpr const char* kSuffix = ".lockstep";

/// TensorBoard reads files with "tfevents" in their name.
std::string file_name(const SweepRecord& record) {
  return kPrefix + std::to_string(static_cast<int64_t>(seconds(record.start))) + kSuffix;
}

/// The event files of an earlier export: of the root run and of the trials'.
std::vector<fs::path> earlier_files(const fs::path& folder) {
  std::vector<fs::path> found;
  const auto look = [&found](const fs::path& in) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(in, ignored)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(kPrefix) && name.ends_with(kSuffix)) found.push_back(entry.path());
    }
  };
  look(folder);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.is_directory(ignored) && entry.path().filename().string().starts_with("trial_")) look(entry.path());
  }
  return found;
}

void remove_earlier(const fs::path& folder) {
  for (const fs::path& file : earlier_files(folder)) {
    std::error_code failed;
    fs::remove(file, failed);
    if (failed) throw OutputError(file.string() + ": cannot be removed: " + failed.message());
    if (file.parent_path() != folder) fs::remove(file.parent_path(), failed);  // stays where somebody put more into it
  }
}

HparamInfo hparam_info(const Parameter& parameter) {
  HparamInfo info{parameter.name, HparamInfo::Type::kNumber, parameter.distribution.values};
  const auto all = [&info](auto is) { return std::all_of(info.choices.begin(), info.choices.end(), is); };
  if (info.choices.empty() || all([](const Value& value) { return value.is_number(); })) return info;
  const bool are_booleans = all([](const Value& value) { return value.is_bool(); });
  info.type = are_booleans ? HparamInfo::Type::kBool : HparamInfo::Type::kText;
  return info;
}

std::string trial_events(const SweepRecord& record, const TrialRecord& trial, const std::vector<double>& reports,
                         const std::string& name, const std::vector<HparamInfo>& hparams) {
  const double start = seconds(trial.start);
  const double end = trial.complete ? seconds(*trial.complete) : start;
  EventFile events(start);
  events.add_session_start(start, name, hparams, trial.hyperparameters);
  for (size_t i = 0; i < reports.size(); ++i) {
    const double part = static_cast<double>(i + 1) / static_cast<double>(reports.size());
    events.add_scalar(start + part * (end - start), static_cast<int64_t>(i) + 1, record.primary_metric, reports[i]);
  }
  if (trial.complete) {
    const bool failed = trial.state == TrialState::kDiverged || trial.state == TrialState::kAborted ||
                        trial.state == TrialState::kFailed;
    events.add_session_end(end, failed ? EventFile::Status::kFailure : EventFile::Status::kSuccess);
  }
  return events.content();
}

void write(const fs::path& folder, const std::string& name, const std::string& content) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) {
    throw OutputError(folder.string() + ": cannot be made: " + failed.message() + "; choose another with --output");
  }
  write_file_atomically(folder.string(), name, content);
}

}  // namespace

bool holds_tensorboard_export(const std::string& folder) { return !earlier_files(folder).empty(); }

int64_t export_tensorboard(const SweepRecord& record, const Reports& reports, const std::string& folder, int64_t n) {
  remove_earlier(folder);
  std::vector<HparamInfo> hparams;
  for (const Parameter& parameter : record.search_space.parameters()) hparams.push_back(hparam_info(parameter));
  EventFile root(seconds(record.start));
  root.add_experiment(seconds(record.start), record.display_name, hparams, record.primary_metric);
  write(folder, file_name(record), root.content());

  const std::vector<const TrialRecord*> best = record.ranking(static_cast<size_t>(n));
  const size_t n_digits = record.trials.empty() ? 1 : std::to_string(record.trials.back().number).size();
  for (const TrialRecord* trial : best) {
    const std::string number = std::to_string(trial->number);
    const std::string name = "trial_" + std::string(n_digits - number.size(), '0') + number;
    const auto found = reports.find(trial->number);
    const std::vector<double> values = found == reports.end() ? std::vector<double>{} : found->second;
    write(fs::path(folder) / name, file_name(record), trial_events(record, *trial, values, name, hparams));
  }
  return static_cast<int64_t>(best.size());
}

}  // namespace lockstep
