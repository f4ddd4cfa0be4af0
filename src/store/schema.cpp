#include "store/schema.h"

namespace lockstep {

namespace {

// As Optuna 4.5 creates them (SQLAlchemy's types have a meaning for Optuna, not for SQLite). Optuna refuses to open a
// database whose alembic version is another, and checks the schema version.
constexpr const char* kOptunaTables = R"sql(
CREATE TABLE version_info (
  version_info_id INTEGER NOT NULL PRIMARY KEY CHECK (version_info_id = 1),
  schema_version INTEGER,
  library_version VARCHAR(256));
INSERT INTO version_info VALUES (1, 12, '4.5.0');
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('v3.2.0.a');

CREATE TABLE studies (
  study_id INTEGER NOT NULL PRIMARY KEY,
  study_name VARCHAR(512) NOT NULL);
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE TABLE study_directions (
  study_direction_id INTEGER NOT NULL PRIMARY KEY,
  direction VARCHAR(8) NOT NULL,
  study_id INTEGER NOT NULL REFERENCES studies (study_id),
  objective INTEGER NOT NULL,
  UNIQUE (study_id, objective));
CREATE TABLE study_user_attributes (
  study_user_attribute_id INTEGER NOT NULL PRIMARY KEY,
  study_id INTEGER REFERENCES studies (study_id),
  "key" VARCHAR(512),
  value_json TEXT,
  UNIQUE (study_id, "key"));
CREATE TABLE study_system_attributes (
  study_system_attribute_id INTEGER NOT NULL PRIMARY KEY,
  study_id INTEGER REFERENCES studies (study_id),
  "key" VARCHAR(512),
  value_json TEXT,
  UNIQUE (study_id, "key"));

CREATE TABLE trials (
  trial_id INTEGER NOT NULL PRIMARY KEY,
  number INTEGER,
  study_id INTEGER REFERENCES studies (study_id),
  state VARCHAR(8) NOT NULL,
  datetime_start DATETIME,
  datetime_complete DATETIME);
CREATE INDEX ix_trials_study_id ON trials (study_id);
CREATE TABLE trial_user_attributes (
  trial_user_attribute_id INTEGER NOT NULL PRIMARY KEY,
  trial_id INTEGER REFERENCES trials (trial_id),
  "key" VARCHAR(512),
  value_json TEXT,
  UNIQUE (trial_id, "key"));
CREATE TABLE trial_system_attributes (
  trial_system_attribute_id INTEGER NOT NULL PRIMARY KEY,
  trial_id INTEGER REFERENCES trials (trial_id),
  "key" VARCHAR(512),
  value_json TEXT,
  UNIQUE (trial_id, "key"));
CREATE TABLE trial_params (
  param_id INTEGER NOT NULL PRIMARY KEY,
  trial_id INTEGER REFERENCES trials (trial_id),
  param_name VARCHAR(512),
  param_value FLOAT,
  distribution_json TEXT,
  UNIQUE (trial_id, param_name));
CREATE TABLE trial_values (
  trial_value_id INTEGER NOT NULL PRIMARY KEY,
  trial_id INTEGER NOT NULL REFERENCES trials (trial_id),
  objective INTEGER NOT NULL,
  value FLOAT,
  value_type VARCHAR(7) NOT NULL,
  UNIQUE (trial_id, objective));
CREATE TABLE trial_intermediate_values (
  trial_intermediate_value_id INTEGER NOT NULL PRIMARY KEY,
  trial_id INTEGER NOT NULL REFERENCES trials (trial_id),
  step INTEGER NOT NULL,
  intermediate_value FLOAT,
  intermediate_value_type VARCHAR(7) NOT NULL,
  UNIQUE (trial_id, step));
CREATE TABLE trial_heartbeats (
  trial_heartbeat_id INTEGER NOT NULL PRIMARY KEY,
  trial_id INTEGER NOT NULL REFERENCES trials (trial_id),
  heartbeat DATETIME NOT NULL,
  UNIQUE (trial_id));
)sql";

constexpr const char* kOurTables = R"sql(
CREATE TABLE lockstep_sweep (
  study_id INTEGER NOT NULL PRIMARY KEY REFERENCES studies (study_id),
  layout_version INTEGER NOT NULL,
  lockstep_version TEXT NOT NULL,
  torch_version TEXT NOT NULL,
  device TEXT NOT NULL,
  seed INTEGER NOT NULL,
  spec_file TEXT NOT NULL,
  spec_text TEXT NOT NULL,
  display_name TEXT NOT NULL,
  goal TEXT NOT NULL,
  primary_metric TEXT NOT NULL,
  n_trials INTEGER NOT NULL,
  notes_json TEXT NOT NULL,
  datetime_start DATETIME NOT NULL,
  datetime_end DATETIME,
  end_state TEXT,
  failure TEXT,
  elapsed_s FLOAT NOT NULL DEFAULT 0,
  trial_intervals INTEGER NOT NULL DEFAULT 0,
  trial_intervals_full INTEGER NOT NULL DEFAULT 0,
  test_value FLOAT,
  processor TEXT NOT NULL,
  data_fingerprint TEXT NOT NULL,
  n_slots INTEGER NOT NULL);
CREATE TABLE lockstep_resumes (
  resume_id INTEGER NOT NULL PRIMARY KEY,
  tick INTEGER NOT NULL,
  lockstep_version TEXT NOT NULL,
  torch_version TEXT NOT NULL,
  device TEXT NOT NULL,
  processor TEXT NOT NULL,
  "datetime" DATETIME NOT NULL);
CREATE TABLE lockstep_events (
  event_id INTEGER NOT NULL PRIMARY KEY,
  trial_id INTEGER NOT NULL REFERENCES trials (trial_id),
  interval INTEGER NOT NULL,
  decision TEXT NOT NULL,
  value FLOAT,
  threshold FLOAT,
  reason TEXT NOT NULL,
  "datetime" DATETIME NOT NULL);
CREATE INDEX ix_lockstep_events_trial_id ON lockstep_events (trial_id);
CREATE TABLE lockstep_exploits (
  exploit_id INTEGER NOT NULL PRIMARY KEY,
  trial_id INTEGER NOT NULL REFERENCES trials (trial_id),
  interval INTEGER NOT NULL,
  source_trial_id INTEGER NOT NULL REFERENCES trials (trial_id),
  value FLOAT NOT NULL,
  threshold FLOAT NOT NULL,
  params_json TEXT NOT NULL,
  reason TEXT NOT NULL,
  "datetime" DATETIME NOT NULL,
  UNIQUE (trial_id, interval));
CREATE TABLE lockstep_earlier_trials (
  earlier_trial_id INTEGER NOT NULL PRIMARY KEY,
  state TEXT NOT NULL,
  value FLOAT,
  params_json TEXT,
  reports_json TEXT NOT NULL);
)sql";

}  // namespace

void create_optuna_tables(Database& database) {
  database.execute("BEGIN");
  database.execute(kOptunaTables);
  database.execute("COMMIT");
}

void create_tables(Database& database) {
  database.execute("BEGIN");
  database.execute(kOptunaTables);
  database.execute(kOurTables);
  database.execute("COMMIT");
}

}  // namespace lockstep
