#include "store/optuna_export.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

#include <lockstep/error.h>

#include "core/atomic_file.h"
#include "store/draw_of.h"
#include "store/export.h"
#include "store/optuna_distribution.h"
#include "store/optuna_tables.h"
#include "store/schema.h"
#include "store/search_space_json.h"
#include "store/trial_state.h"

namespace lockstep {

namespace {

/// A database under construction, removed unless it has got its name.
class TemporaryDatabase {
 public:
  explicit TemporaryDatabase(std::string path) : path_(std::move(path)), temporary_(path_ + ".tmp") { remove(); }
  ~TemporaryDatabase() { remove(); }
  TemporaryDatabase(const TemporaryDatabase&) = delete;
  TemporaryDatabase& operator=(const TemporaryDatabase&) = delete;

  const std::string& name() const { return temporary_; }
  void commit() { put_in_place(temporary_, path_); }

 private:
  void remove() const {
    std::error_code ignored;
    for (const char* suffix : {"", "-journal", "-wal", "-shm"}) std::filesystem::remove(temporary_ + suffix, ignored);
  }

  std::string path_;
  std::string temporary_;
};

/// A trial's draws; nullopt for a hyperparameter that it has not.
std::vector<std::optional<double>> draws_of(const SweepRecord& record, const TrialRecord& trial) {
  std::vector<std::optional<double>> draws;
  for (int64_t column = 0; column < record.search_space.n_params(); ++column) {
    draws.push_back(
        draw_of(record.search_space[column].distribution, trial.hyperparameters[static_cast<size_t>(column)]));
  }
  return draws;
}

/// Optuna's distribution of each hyperparameter, wide enough for every trial.
std::vector<std::string> distributions_of(const SweepRecord& record) {
  std::vector<std::optional<DrawRange>> drawn(static_cast<size_t>(record.search_space.n_params()));
  for (const TrialRecord& trial : record.trials) {
    const auto draws = draws_of(record, trial);
    for (size_t column = 0; column < draws.size(); ++column) {
      if (!draws[column]) continue;
      if (!drawn[column]) drawn[column] = DrawRange{*draws[column], *draws[column]};
      drawn[column]->low = std::min(drawn[column]->low, *draws[column]);
      drawn[column]->high = std::max(drawn[column]->high, *draws[column]);
    }
  }
  std::vector<std::string> result;
  for (size_t column = 0; column < drawn.size(); ++column) {
    const Distribution& distribution = record.search_space[static_cast<int64_t>(column)].distribution;
    result.push_back(drawn[column] ? optuna_distribution_json(distribution, *drawn[column])
                                   : optuna_distribution_json(distribution));
  }
  return result;
}

void write_trial(OptunaTables& tables, const SweepRecord& record, const TrialRecord& trial,
                 const std::vector<std::string>& distributions) {
  // Optuna's readers count on a value where it calls a trial complete, and on none where it calls one failed.
  const bool has_value = trial.value && (trial.state == TrialState::kFinished || trial.state == TrialState::kStopped);
  const bool lacks_value = trial.state == TrialState::kFinished && !trial.value;
  tables.insert_trial(trial.number, lacks_value ? "FAIL" : optuna_state(trial.state), trial.start, trial.complete);
  const auto draws = draws_of(record, trial);
  for (size_t column = 0; column < draws.size(); ++column) {
    if (!draws[column]) continue;
    tables.insert_param(trial.number, record.search_space[static_cast<int64_t>(column)].name, *draws[column],
                        distributions[column]);
  }
  if (has_value) tables.insert_value(trial.number, *trial.value);
  tables.insert_trial_attribute(trial.number, "lockstep:state", json_text(state_word(trial.state), -1));
  if (trial.best_interval > 0) {
    tables.insert_trial_attribute(trial.number, "lockstep:interval", std::to_string(trial.best_interval));
  }
  if (!trial.reason.empty()) {
    tables.insert_trial_attribute(trial.number, "lockstep:reason", json_text(trial.reason, -1));
  }
}

void write_study(Database& database, const SweepRecord& record, const Reports& reports) {
  create_optuna_tables(database);
  database.execute("BEGIN");
  OptunaTables tables(database);
  tables.insert_study(record.display_name.empty() ? "sweep" : record.display_name, record.goal, record.primary_metric);
  tables.insert_study_attribute("lockstep:search_space", search_space_to_json(record.search_space));
  tables.insert_study_attribute("lockstep:sweep", json_text(sweep_json(record), -1));
  const std::vector<std::string> distributions = distributions_of(record);
  for (const TrialRecord& trial : record.trials) {
    write_trial(tables, record, trial, distributions);
    const auto found = reports.find(trial.number);
    if (found == reports.end()) continue;
    for (size_t i = 0; i < found->second.size(); ++i) {
      tables.insert_report(trial.number, static_cast<int64_t>(i) + 1, found->second[i]);
    }
  }
  database.execute("COMMIT");
}

}  // namespace

void export_optuna(const SweepRecord& record, const Reports& reports, const std::string& path) {
  TemporaryDatabase file(path);
  {
    Database database(file.name(), Database::Mode::kCreate);
    // What is half written is thrown away, so it needs no journal.
    database.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE");
    write_study(database, record, reports);
  }
  file.commit();
}

}  // namespace lockstep
