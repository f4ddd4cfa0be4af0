#include "store/journal_writer.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "store/optuna_distribution.h"
#include "store/schema.h"
#include "store/search_space_json.h"
#include "store/trial_state.h"

namespace lockstep {

namespace {

/// Readers never block the writer; a program that writes (Optuna adding a note, say) does, for a moment.
constexpr int kBusyTimeoutMs = 60'000;
/// Written as NULL.
constexpr double kNoMetric = std::numeric_limits<double>::quiet_NaN();

Database& with_tables(Database& database, bool is_resumed) {
  database.set_busy_timeout(kBusyTimeoutMs);
  // A file system without shared memory keeps its usual journal, which is as safe and slower.
  database.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL");
  if (!is_resumed) create_tables(database);
  return database;
}

std::string json_text(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

const char* end_name(SweepEnd end) {
  switch (end) {
    case SweepEnd::kCompleted: return "completed";
    case SweepEnd::kTimeout: return "timeout";
    case SweepEnd::kInterrupted: return "interrupted";
  }
  return "completed";
}

/// {name: value, or the index of a choice}
std::string params_json(const SearchSpace& space, const std::vector<double>& draws) {
  auto params = nlohmann::ordered_json::object();
  for (int64_t column = 0; column < space.n_params(); ++column) {
    params[space[column].name] = draws[static_cast<size_t>(column)];
  }
  return json_text(params);
}

void bind_metric(Statement& statement, int index, double metric) {
  if (std::isfinite(metric)) {
    statement.bind(index, metric);
  } else {
    statement.bind_null(index);
  }
}

}  // namespace

JournalWriter::JournalWriter(const std::string& path, RunInfo info, bool is_resumed)
    : info_(std::move(info)),
      is_resumed_(is_resumed),
      database_(path, is_resumed ? Database::Mode::kWrite : Database::Mode::kCreate),
      tables_(with_tables(database_, is_resumed)),
      insert_event_(
          database_,
          "INSERT INTO lockstep_events (trial_id, interval, decision, value, threshold, reason, \"datetime\") "
          "VALUES (?, ?, ?, ?, ?, ?, ?)"),
      insert_exploit_(database_,
                      "INSERT INTO lockstep_exploits (trial_id, interval, source_trial_id, value, threshold, params_json, "
                      "reason, \"datetime\") VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
      complete_trial_(database_, "UPDATE trials SET state = ?, datetime_complete = ? WHERE trial_id = ?"),
      // The best of any interval. Which of the two is the better one is said when the goal is known.
      insert_value_(database_,
                    "INSERT INTO trial_values (trial_id, objective, value, value_type) "
                    "SELECT trial_id, 0, CASE (SELECT direction FROM study_directions) WHEN 'MAXIMIZE' "
                    "THEN max(intermediate_value) ELSE min(intermediate_value) END, 'FINITE' "
                    "FROM trial_intermediate_values WHERE trial_id = ? GROUP BY trial_id"),
      update_progress_(database_,
                       "UPDATE lockstep_sweep SET elapsed_s = ?, trial_intervals = ?, trial_intervals_full = ?") {}

void JournalWriter::begin() { database_.execute("BEGIN IMMEDIATE"); }
void JournalWriter::commit() { database_.execute("COMMIT"); }
// With synchronous=NORMAL a commit reaches the disk when the log is folded in.
void JournalWriter::sync() { database_.execute("PRAGMA wal_checkpoint(PASSIVE)"); }

void JournalWriter::write_start(UtcTime time, const SweepSpec& spec, const Configurations& configurations) {
  configurations_ = configurations;
  last_report_ = time;
  for (const Parameter& parameter : configurations.space().parameters()) {
    distributions_.push_back(optuna_distribution_json(parameter.distribution));
  }
  if (!is_resumed_) insert_sweep(time, spec, configurations.space(), configurations.n_trials());
}

void JournalWriter::insert_sweep(UtcTime time, const SweepSpec& spec, const SearchSpace& space, int64_t n_trials) {
  const bool maximize = spec.objective.goal == Goal::kMaximize;
  std::string name = spec.display_name.empty() ? std::filesystem::path(spec.file).stem().string() : spec.display_name;
  if (name.empty()) name = "sweep";

  tables_.insert_study(name, spec.objective.goal, spec.objective.primary_metric);
  tables_.insert_study_attribute("lockstep:search_space", search_space_to_json(space));
  if (!info_.plan.empty()) tables_.insert_study_attribute("lockstep:plan", info_.plan);
  Statement(
      database_,
      "INSERT INTO lockstep_sweep (study_id, layout_version, lockstep_version, torch_version, device, seed, spec_file, "
      "spec_text, display_name, goal, primary_metric, n_trials, notes_json, datetime_start, processor, "
      "data_fingerprint, n_slots) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(1, OptunaTables::kStudyId)
      .bind(2, kLayoutVersion)
      .bind(3, info_.lockstep_version)
      .bind(4, info_.torch_version)
      .bind(5, info_.device)
      .bind(6, static_cast<int64_t>(info_.seed))
      .bind(7, spec.file)
      .bind(8, spec.text)
      .bind(9, name)
      .bind(10, std::string(maximize ? "maximize" : "minimize"))
      .bind(11, spec.objective.primary_metric)
      .bind(12, n_trials)
      .bind(13, json_text(info_.notes))
      .bind(14, utc_text(time))
      .bind(15, info_.processor)
      .bind(16, info_.data_fingerprint)
      .bind(17, info_.n_slots)
      .run();
  insert_earlier(space);
}

void JournalWriter::insert_earlier(const SearchSpace& space) {
  if (info_.earlier.empty()) return;
  Statement insert(database_, "INSERT INTO lockstep_earlier_trials (state, value, params_json, reports_json) VALUES (?, ?, ?, ?)");
  for (const EarlierTrial& trial : info_.earlier) {
    insert.bind(1, std::string(state_word(trial.state)));
    bind_metric(insert, 2, trial.value.value_or(kNoMetric));
    if (trial.draws.empty()) {
      insert.bind_null(3);
    } else {
      insert.bind(3, params_json(space, trial.draws));
    }
    insert.bind(4, json_text(trial.reports)).run();  // what is not finite becomes null
  }
}

void JournalWriter::write_imported(UtcTime start, const ImportedSweep& sweep) {
  SweepSpec spec;  // without a text: there is nothing that could be trained again
  spec.display_name = sweep.name;
  spec.objective.goal = sweep.goal;
  spec.objective.primary_metric = sweep.metric;
  insert_sweep(start, spec, sweep.space, static_cast<int64_t>(sweep.trials.size()));
  std::vector<std::string> distributions;
  for (const Parameter& parameter : sweep.space.parameters()) {
    distributions.push_back(optuna_distribution_json(parameter.distribution));
  }
  for (const ImportedTrial& trial : sweep.trials) {
    tables_.insert_trial(trial.number, optuna_state(trial.state), trial.start, trial.complete);
    for (size_t column = 0; column < trial.draws.size(); ++column) {
      tables_.insert_param(trial.number, sweep.space[static_cast<int64_t>(column)].name, trial.draws[column],
                           distributions[column]);
    }
    for (size_t i = 0; i < trial.reports.size(); ++i) {
      tables_.insert_report(trial.number, static_cast<int64_t>(i) + 1, trial.reports[i]);
    }
    if (trial.value) tables_.insert_value(trial.number, *trial.value);
    TrialEnd end{trial.number, static_cast<int64_t>(trial.reports.size()), trial.state, 0, 0, trial.reason};
    end.metric = trial.reports.empty() ? kNoMetric : trial.reports.back();
    end.threshold = kNoMetric;
    insert_event(trial.complete.value_or(trial.start), end);
  }
}

void JournalWriter::write_resume(UtcTime time, const RecordedPast& past) {
  last_report_ = time;
  database_.execute(
      "CREATE TEMP TABLE past (trial_id INTEGER PRIMARY KEY, n_reported INTEGER NOT NULL, is_running INTEGER NOT NULL)");
  {
    Statement insert(database_, "INSERT INTO past VALUES (?, ?, ?)");
    for (const RecordedPast::Trial& trial : past.trials) {
      insert.bind(1, row_id(trial.id)).bind(2, trial.n_reported).bind(3, int64_t{trial.is_running}).run();
    }
  }
  // What else is said of a trial (a note by Optuna's dashboard, say) stays: the trial will be there again.
  database_.execute(
      "DELETE FROM trial_intermediate_values WHERE NOT EXISTS (SELECT 1 FROM past "
      "  WHERE past.trial_id = trial_intermediate_values.trial_id AND step <= n_reported);"
      "DELETE FROM lockstep_exploits WHERE NOT EXISTS (SELECT 1 FROM past "
      "  WHERE past.trial_id = lockstep_exploits.trial_id AND interval <= n_reported);"
      "DELETE FROM lockstep_events WHERE trial_id NOT IN (SELECT trial_id FROM past WHERE NOT is_running);"
      "DELETE FROM trial_values WHERE trial_id NOT IN (SELECT trial_id FROM past WHERE NOT is_running);"
      "DELETE FROM trial_params WHERE trial_id NOT IN (SELECT trial_id FROM past);"
      "DELETE FROM trials WHERE trial_id NOT IN (SELECT trial_id FROM past);"
      "UPDATE trials SET state = 'RUNNING', datetime_complete = NULL "
      "  WHERE trial_id IN (SELECT trial_id FROM past WHERE is_running);"
      "UPDATE lockstep_sweep SET datetime_end = NULL, end_state = NULL, failure = NULL, test_value = NULL;"
      "DROP TABLE past");
  Statement(database_,
            "INSERT INTO lockstep_resumes (tick, lockstep_version, torch_version, device, processor, \"datetime\") "
            "VALUES (?, ?, ?, ?, ?, ?)")
      .bind(1, past.n_ticks)
      .bind(2, info_.lockstep_version)
      .bind(3, info_.torch_version)
      .bind(4, info_.device)
      .bind(5, info_.processor)
      .bind(6, utc_text(time))
      .run();
}

void JournalWriter::write_interval(UtcTime time, const IntervalReport& report) {
  for (const auto& [trial, draws] : report.proposals) configurations_.replace(trial, draws);
  for (const int64_t trial : report.started) insert_trial(trial);
  for (const MetricReport& metric : report.metrics) tables_.insert_report(metric.trial, metric.interval, metric.metric);
  for (const TrialExploit& exploit : report.exploits) insert_exploit(time, exploit);
  for (const TrialEnd& end : report.ends) end_trial(time, end);
  update_progress(report.progress);
  last_report_ = time;
}

void JournalWriter::insert_trial(int64_t trial) {
  tables_.insert_trial(trial, "RUNNING", last_report_);
  const SearchSpace& space = configurations_.space();
  for (int64_t column = 0; column < space.n_params(); ++column) {
    tables_.insert_param(trial, space[column].name, configurations_.draw(trial, column),
                         distributions_[static_cast<size_t>(column)]);
  }
}

void JournalWriter::insert_exploit(UtcTime time, const TrialExploit& exploit) {
  insert_exploit_.bind(1, row_id(exploit.trial))
      .bind(2, exploit.interval)
      .bind(3, row_id(exploit.source))
      .bind(4, exploit.metric)
      .bind(5, exploit.threshold)
      .bind(6, params_json(configurations_.space(), exploit.draws))
      .bind(7, exploit.reason)
      .bind(8, utc_text(time))
      .run();
}

void JournalWriter::end_trial(UtcTime time, const TrialEnd& end) {
  complete_trial_.bind(1, std::string(optuna_state(end.state)))
      .bind(2, utc_text(time))
      .bind(3, row_id(end.trial))
      .run();
  insert_event(time, end);
  // A trial that Optuna calls failed must have no value.
  if (end.state == TrialState::kFinished || end.state == TrialState::kStopped)
    insert_value_.bind(1, row_id(end.trial)).run();
}

void JournalWriter::insert_event(UtcTime time, const TrialEnd& end) {
  insert_event_.bind(1, row_id(end.trial)).bind(2, end.interval).bind(3, std::string(state_word(end.state)));
  bind_metric(insert_event_, 4, end.metric);
  if (end.state == TrialState::kStopped) {
    bind_metric(insert_event_, 5, end.threshold);
  } else {
    insert_event_.bind_null(5);
  }
  insert_event_.bind(6, end.reason).bind(7, utc_text(time)).run();
}

void JournalWriter::update_progress(const Progress& progress) {
  update_progress_.bind(1, progress.elapsed_s)
      .bind(2, progress.trial_intervals)
      .bind(3, progress.trial_intervals_full)
      .run();
}

void JournalWriter::write_end_state(UtcTime time, const std::string& state, const std::string* failure) {
  Statement update(database_, "UPDATE lockstep_sweep SET datetime_end = ?, end_state = ?, failure = ?");
  update.bind(1, utc_text(time)).bind(2, state);
  if (failure) update.bind(3, *failure);
  update.run();
}

void JournalWriter::write_end(UtcTime time, const SweepResult& result) {
  update_progress(result.progress);
  write_end_state(time, end_name(result.end), nullptr);
  if (!result.test_metric || !std::isfinite(*result.test_metric)) return;
  Statement(database_, "UPDATE lockstep_sweep SET test_value = ?").bind(1, *result.test_metric).run();
}

void JournalWriter::write_failure(UtcTime time, const std::string& failure) {
  write_end_state(time, "failed", &failure);
  Statement(database_, "UPDATE trials SET state = 'FAIL', datetime_complete = ? WHERE state = 'RUNNING'")
      .bind(1, utc_text(time))
      .run();
}

void JournalWriter::finish() {
  // Another connection keeps the write-ahead log in use; SQLite folds it in when that one closes.
  database_.set_busy_timeout(0);
  try {
    database_.execute("PRAGMA journal_mode=DELETE");
  } catch (const OutputError&) {
    database_.execute("PRAGMA wal_checkpoint(PASSIVE)");
  }
}

}  // namespace lockstep
