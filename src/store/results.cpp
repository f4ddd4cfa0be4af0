#include "store/results.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "store/metric_value.h"
#include "store/output_directory.h"
#include "store/schema.h"
#include "store/search_space_json.h"
#include "store/sqlite.h"
#include "store/trial_state.h"

namespace lockstep {

namespace fs = std::filesystem;

namespace {

constexpr const char* kCure = "; name a folder that `lockstep run` wrote, such as the one given to --output";
constexpr int kBusyTimeoutMs = 10'000;

std::string find_database(const std::string& directory) {
  std::error_code ignored;
  const fs::path path(directory);
  if (!fs::exists(path, ignored)) throw OutputError(directory + ": no such folder" + kCure);
  if (!fs::is_directory(path, ignored)) throw OutputError(directory + ": it is a file, not a folder" + kCure);
  const fs::path database = path / kDatabaseFile;
  if (!fs::exists(database, ignored)) throw OutputError(directory + ": it holds no " + kDatabaseFile + kCure);
  return database.string();
}

/// Refuses another program's database before any of our queries could fail on it.
void check_is_ours(Database& database) {
  try {
    if (database.query_text("SELECT name FROM sqlite_master WHERE name = 'lockstep_sweep'")) return;
  } catch (const OutputError& failure) {
    throw OutputError(std::string(failure.what()) + kCure);
  }
  throw OutputError(database.path() + ": it is not a Lockstep database" + kCure);
}

RecordedEnd parse_end(const std::string& name) {
  static const std::map<std::string, RecordedEnd> kEnds = {{"completed", RecordedEnd::kCompleted},
                                                           {"timeout", RecordedEnd::kTimeout},
                                                           {"interrupted", RecordedEnd::kInterrupted},
                                                           {"failed", RecordedEnd::kFailed}};
  const auto found = kEnds.find(name);
  return found == kEnds.end() ? RecordedEnd::kNone : found->second;
}

/// Returns the version of the tables' layout.
int64_t read_sweep(Database& database, SweepRecord& record) {
  Statement query(
      database,
      "SELECT layout_version, lockstep_version, torch_version, device, seed, spec_file, spec_text, display_name, "
      "goal, primary_metric, n_trials, notes_json, datetime_start, end_state, failure, elapsed_s, trial_intervals, "
      "trial_intervals_full, test_value FROM lockstep_sweep");
  if (!query.step()) {
    throw OutputError(database.path() +
                      ": it holds no sweep: the run was killed before it began; run it again with --overwrite");
  }
  if (query.integer(0) > kLayoutVersion) {
    throw OutputError(database.path() + ": it was written by Lockstep " + query.text(1) +
                      ", whose tables this version does not know; read it with that version or a later one");
  }
  record.lockstep_version = query.text(1);
  record.torch_version = query.text(2);
  record.device = query.text(3);
  record.seed = static_cast<uint64_t>(query.integer(4));
  record.spec_file = query.text(5);
  record.spec_text = query.text(6);
  record.display_name = query.text(7);
  record.goal = query.text(8) == "minimize" ? Goal::kMinimize : Goal::kMaximize;
  record.primary_metric = query.text(9);
  record.n_trials = query.integer(10);
  record.notes = nlohmann::json::parse(query.text(11)).get<std::vector<std::string>>();
  record.start = parse_utc(query.text(12));
  record.end = parse_end(query.text(13));
  record.failure = query.text(14);
  record.elapsed_s = query.real(15);
  record.trial_intervals = query.integer(16);
  record.trial_intervals_full = query.integer(17);
  if (!query.is_null(18)) record.test_value = query.real(18);
  if (query.integer(0) >= kResumeVersion) {
    Statement more(database, "SELECT processor, data_fingerprint, n_slots FROM lockstep_sweep");
    more.step();
    record.processor = more.text(0);
    record.data_fingerprint = more.text(1);
    record.n_slots = more.integer(2);
  }
  record.plan =
      database.query_text("SELECT value_json FROM study_user_attributes WHERE \"key\" = 'lockstep:plan'").value_or("");
  const auto space =
      database.query_text("SELECT value_json FROM study_user_attributes WHERE \"key\" = 'lockstep:search_space'");
  record.search_space = search_space_from_json(space.value_or("[]"));
  return query.integer(0);
}

/// Trials by number, and where the row of a trial is.
std::map<int64_t, size_t> read_trials(Database& database, SweepRecord& record) {
  std::map<int64_t, size_t> index;
  Statement query(
      database,
      "SELECT trials.trial_id, number, state, datetime_start, datetime_complete, decision, reason FROM trials "
      "LEFT JOIN lockstep_events USING (trial_id) ORDER BY number");
  while (query.step()) {
    TrialRecord trial;
    trial.number = query.integer(1);
    trial.state = parse_state(query.text(2), query.text(5));
    trial.start = parse_utc(query.text(3));
    if (!query.is_null(4)) trial.complete = parse_utc(query.text(4));
    trial.reason = query.text(6);
    if (trial.reason.empty() && trial.state == TrialState::kAborted) trial.reason = "aborted: the sweep failed";
    trial.hyperparameters.resize(static_cast<size_t>(record.search_space.n_params()));
    trial.draws.resize(trial.hyperparameters.size());
    index[query.integer(0)] = record.trials.size();
    record.trials.push_back(std::move(trial));
  }
  return index;
}

void read_hyperparameters(Database& database, const std::map<int64_t, size_t>& index, SweepRecord& record) {
  Statement query(database, "SELECT trial_id, param_name, param_value FROM trial_params");
  while (query.step()) {
    const auto trial = index.find(query.integer(0));
    const auto column = record.search_space.find(query.text(1));
    if (trial == index.end() || !column) continue;
    TrialRecord& of = record.trials[trial->second];
    const auto i = static_cast<size_t>(*column);
    of.draws[i] = query.real(2);
    of.hyperparameters[i] = record.search_space[*column].distribution.decode(of.draws[i]);
  }
}

void read_metrics(Database& database, const std::map<int64_t, size_t>& index, SweepRecord& record) {
  Statement query(database,
                  "SELECT trial_id, step, intermediate_value FROM trial_intermediate_values ORDER BY trial_id, step");
  while (query.step()) {
    const auto found = index.find(query.integer(0));
    if (found == index.end()) continue;
    TrialRecord& trial = record.trials[found->second];
    ++trial.n_intervals;
    if (query.is_null(2)) continue;
    const double metric = query.real(2);
    if (trial.value && (record.goal == Goal::kMaximize ? metric <= *trial.value : metric >= *trial.value)) continue;
    trial.value = metric;
    trial.best_interval = query.integer(1);
  }
}

/// An imported trial's value is what its record says, which need not be its best report.
void read_values(Database& database, const std::map<int64_t, size_t>& index, SweepRecord& record) {
  Statement query(database,
                  "SELECT trial_id, value, (SELECT min(step) FROM trial_intermediate_values AS reports "
                  "WHERE reports.trial_id = trial_values.trial_id AND intermediate_value = value) FROM trial_values");
  while (query.step()) {
    const auto found = index.find(query.integer(0));
    if (found == index.end() || query.is_null(1)) continue;
    TrialRecord& trial = record.trials[found->second];
    trial.value = query.real(1);
    trial.best_interval = query.is_null(2) ? trial.n_intervals : query.integer(2);
  }
}

std::vector<double> read_params(const std::string& json, const SearchSpace& space) {
  const auto params = nlohmann::json::parse(json);
  std::vector<double> draws;
  for (const Parameter& parameter : space.parameters()) draws.push_back(params.at(parameter.name).get<double>());
  return draws;
}

/// The layout's version must be at least kExploitsVersion.
void read_exploits(Database& database, const std::map<int64_t, size_t>& index, SweepRecord& record) {
  Statement query(database,
                  "SELECT trial_id, interval, source_trial_id - 1, params_json FROM lockstep_exploits "
                  "ORDER BY trial_id, interval");
  while (query.step()) {
    const auto found = index.find(query.integer(0));
    if (found == index.end()) continue;
    ExploitRecord exploit{query.integer(1), query.integer(2), {}, read_params(query.text(3), record.search_space)};
    for (size_t i = 0; i < exploit.draws.size(); ++i) {
      exploit.hyperparameters.push_back(record.search_space[static_cast<int64_t>(i)].distribution.decode(exploit.draws[i]));
    }
    record.trials[found->second].exploits.push_back(std::move(exploit));
  }
}

/// Gives trials that changed on their way the hyperparameters of their best interval.
void choose_hyperparameters(SweepRecord& record) {
  for (TrialRecord& trial : record.trials) {
    const int64_t n = trial.n_exploits_before_best();
    if (n > 0) trial.hyperparameters = trial.exploits[static_cast<size_t>(n - 1)].hyperparameters;
  }
}

}  // namespace

const char* end_word(RecordedEnd end) {
  switch (end) {
    case RecordedEnd::kCompleted: return "completed";
    case RecordedEnd::kTimeout: return "timeout";
    case RecordedEnd::kInterrupted: return "interrupted";
    case RecordedEnd::kFailed: return "failed";
    case RecordedEnd::kNone: break;
  }
  return "running";
}

int64_t TrialRecord::n_exploits_before_best() const {
  return std::count_if(exploits.begin(), exploits.end(),
                       [this](const ExploitRecord& exploit) { return exploit.interval < best_interval; });
}

int64_t SweepRecord::n_exploits() const {
  int64_t n = 0;
  for (const TrialRecord& trial : trials) n += static_cast<int64_t>(trial.exploits.size());
  return n;
}

std::vector<const TrialRecord*> SweepRecord::ranking(size_t n) const {
  std::vector<const TrialRecord*> result;
  for (const TrialRecord& trial : trials) {
    if (trial.value) result.push_back(&trial);
  }
  n = std::min(n, result.size());
  const double sign = goal == Goal::kMaximize ? -1 : 1;
  std::partial_sort(result.begin(), result.begin() + static_cast<std::ptrdiff_t>(n), result.end(),
                    [sign](const TrialRecord* a, const TrialRecord* b) {
                      if (*a->value != *b->value) return sign * *a->value < sign * *b->value;
                      return a->number < b->number;
                    });
  result.resize(n);
  return result;
}

const TrialRecord* SweepRecord::best() const {
  const auto first = ranking(1);
  return first.empty() ? nullptr : first.front();
}

int64_t SweepRecord::count(TrialState state) const {
  return std::count_if(trials.begin(), trials.end(),
                       [state](const TrialRecord& trial) { return trial.state == state; });
}

double SweepRecord::savings() const {
  if (trial_intervals_full == 0) return 0;
  return 1 - static_cast<double>(trial_intervals) / static_cast<double>(trial_intervals_full);
}

Reports load_reports(const std::string& directory) {
  Database database(find_database(directory), Database::Mode::kRead);
  database.set_busy_timeout(kBusyTimeoutMs);
  check_is_ours(database);
  Reports reports;
  Statement query(database,
                  "SELECT trial_id - 1, step, intermediate_value, intermediate_value_type "
                  "FROM trial_intermediate_values ORDER BY trial_id, step");
  while (query.step()) {
    auto& trial = reports[query.integer(0)];
    if (query.integer(1) != static_cast<int64_t>(trial.size()) + 1) {
      throw OutputError(database.path() + ": trial " + query.text(0) + " has no report of interval " +
                        std::to_string(trial.size() + 1) + ", but later ones; it was changed after the sweep");
    }
    trial.push_back(metric_value(query, 2, 3));
  }
  return reports;
}

std::vector<EarlierTrial> load_earlier_trials(const std::string& directory) {
  Database database(find_database(directory), Database::Mode::kRead);
  database.set_busy_timeout(kBusyTimeoutMs);
  check_is_ours(database);
  SweepRecord record;
  if (read_sweep(database, record) < kEarlierTrialsVersion) return {};
  std::vector<EarlierTrial> out;
  Statement query(database,
                  "SELECT state, value, params_json, reports_json FROM lockstep_earlier_trials ORDER BY earlier_trial_id");
  while (query.step()) {
    EarlierTrial trial;
    trial.state = parse_state("", query.text(0));
    if (!query.is_null(1)) trial.value = query.real(1);
    if (!query.is_null(2)) trial.draws = read_params(query.text(2), record.search_space);
    for (const auto& report : nlohmann::json::parse(query.text(3))) {
      trial.reports.push_back(report.is_null() ? std::numeric_limits<double>::quiet_NaN() : report.get<double>());
    }
    out.push_back(std::move(trial));
  }
  return out;
}

SweepRecord load_results(const std::string& directory) {
  Database database(find_database(directory), Database::Mode::kRead);
  database.set_busy_timeout(kBusyTimeoutMs);
  check_is_ours(database);
  SweepRecord record;
  record.directory = directory;
  // One snapshot, or a running sweep could add a report between two queries.
  database.execute("BEGIN");
  const int64_t layout_version = read_sweep(database, record);
  const std::map<int64_t, size_t> index = read_trials(database, record);
  read_hyperparameters(database, index, record);
  read_metrics(database, index, record);
  if (record.is_imported()) read_values(database, index, record);
  if (layout_version >= kExploitsVersion) read_exploits(database, index, record);
  choose_hyperparameters(record);
  database.execute("COMMIT");
  return record;
}

}  // namespace lockstep
