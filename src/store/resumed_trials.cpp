#include "store/resumed_trials.h"

#include <cmath>

#include "store/optuna_tables.h"
#include "store/output_directory.h"
#include "store/sqlite.h"
#include "store/trial_state.h"

namespace lockstep {

namespace {

constexpr int kBusyTimeoutMs = 60'000;

const TrialRecord& record_of(const SweepRecord& record, int64_t number) {
  for (const TrialRecord& trial : record.trials) {
    if (trial.number == number) return trial;
  }
  throw OutputError(record.directory + ": it has no trial " + std::to_string(number));
}

/// Moves how the trial had ended to where that is kept. Made where it is first needed: other readers need not know it.
void keep_old_end(Database& database, const RunInfo& info, int64_t number, UtcTime time) {
  database.execute(
      "CREATE TABLE IF NOT EXISTS lockstep_trial_resumes ("
      "  trial_resume_id INTEGER NOT NULL PRIMARY KEY,"
      "  trial_id INTEGER NOT NULL REFERENCES trials (trial_id),"
      "  interval INTEGER NOT NULL,"
      "  decision TEXT NOT NULL,"
      "  value FLOAT,"
      "  threshold FLOAT,"
      "  reason TEXT NOT NULL,"
      "  datetime_decided DATETIME NOT NULL,"
      "  lockstep_version TEXT NOT NULL,"
      "  torch_version TEXT NOT NULL,"
      "  device TEXT NOT NULL,"
      "  processor TEXT NOT NULL,"
      "  \"datetime\" DATETIME NOT NULL)");
  Statement(database,
            "INSERT INTO lockstep_trial_resumes (trial_id, interval, decision, value, threshold, reason, datetime_decided, "
            "lockstep_version, torch_version, device, processor, \"datetime\") "
            "SELECT trial_id, interval, decision, value, threshold, reason, \"datetime\", ?, ?, ?, ?, ? "
            "FROM lockstep_events WHERE trial_id = ?")
      .bind(1, info.lockstep_version)
      .bind(2, info.torch_version)
      .bind(3, info.device)
      .bind(4, info.processor)
      .bind(5, utc_text(time))
      .bind(6, row_id(number))
      .run();
  Statement(database, "DELETE FROM lockstep_events WHERE trial_id = ?").bind(1, row_id(number)).run();
}

void write_new_end(Database& database, const ResumedTrial& trial, UtcTime time) {
  Statement event(database,
                  "INSERT INTO lockstep_events (trial_id, interval, decision, value, threshold, reason, \"datetime\") "
                  "VALUES (?, ?, ?, ?, NULL, ?, ?)");
  event.bind(1, row_id(trial.number))
      .bind(2, static_cast<int64_t>(trial.reports.size()))
      .bind(3, std::string(state_word(trial.state)));
  if (std::isfinite(trial.reports.back())) {
    event.bind(4, trial.reports.back());
  } else {
    event.bind_null(4);
  }
  event.bind(5, trial.reason).bind(6, utc_text(time)).run();
  Statement(database, "UPDATE trials SET state = ?, datetime_complete = ? WHERE trial_id = ?")
      .bind(1, std::string(optuna_state(trial.state)))
      .bind(2, utc_text(time))
      .bind(3, row_id(trial.number))
      .run();
}

}  // namespace

void write_resumed_trials(const SweepRecord& record, const RunInfo& info, const ResumedTrials& resumed, UtcTime time) {
  Database database(record.directory + "/" + kDatabaseFile, Database::Mode::kWrite);
  database.set_busy_timeout(kBusyTimeoutMs);
  OptunaTables tables(database);
  const bool maximize = record.goal == Goal::kMaximize;
  database.execute("BEGIN IMMEDIATE");
  for (const ResumedTrial& trial : resumed.trials) {
    const TrialRecord& before = record_of(record, trial.number);
    keep_old_end(database, info, trial.number, time);
    for (size_t i = static_cast<size_t>(before.n_intervals); i < trial.reports.size(); ++i) {
      tables.insert_report(trial.number, static_cast<int64_t>(i) + 1, trial.reports[i]);
    }
    write_new_end(database, trial, time);
    Statement(database, "DELETE FROM trial_values WHERE trial_id = ?").bind(1, row_id(trial.number)).run();
    if (trial.state != TrialState::kFinished) continue;  // a trial that Optuna calls failed must have no value
    std::optional<double> best;
    for (const double report : trial.reports) {
      if (std::isfinite(report) && (!best || (maximize ? report > *best : report < *best))) best = report;
    }
    if (best) tables.insert_value(trial.number, *best);
  }
  Statement(database,
            "UPDATE lockstep_sweep SET elapsed_s = elapsed_s + ?, trial_intervals = trial_intervals + ?, "
            "trial_intervals_full = trial_intervals_full + ?")
      .bind(1, resumed.elapsed_s)
      .bind(2, resumed.trial_intervals)
      .bind(3, resumed.trial_intervals_full)
      .run();
  if (resumed.is_new_best) {
    Statement test(database, "UPDATE lockstep_sweep SET test_value = ?");
    if (resumed.test_value && std::isfinite(*resumed.test_value)) {
      test.bind(1, *resumed.test_value);
    } else {
      test.bind_null(1);
    }
    test.run();
  }
  database.execute("COMMIT");
}

}  // namespace lockstep
