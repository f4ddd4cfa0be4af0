#!/usr/bin/env python3
"""Writes corpus/databases: small SQLite files with Optuna's tables, as far as curves and trials are read from them."""
import json
import pathlib
import sqlite3

SCHEMA = """
CREATE TABLE studies (study_id INTEGER PRIMARY KEY, study_name VARCHAR(512));
CREATE TABLE study_directions (direction VARCHAR(8), study_id INTEGER);
CREATE TABLE study_system_attributes (study_id INTEGER, "key" VARCHAR(512), value_json TEXT);
CREATE TABLE study_user_attributes (study_id INTEGER, "key" VARCHAR(512), value_json TEXT);
CREATE TABLE trials (trial_id INTEGER PRIMARY KEY, number INTEGER, study_id INTEGER, state VARCHAR(8), datetime_start DATETIME,
  datetime_complete DATETIME);
CREATE TABLE trial_user_attributes (trial_id INTEGER, "key" VARCHAR(512), value_json TEXT);
CREATE TABLE trial_params (param_id INTEGER PRIMARY KEY, trial_id INTEGER, param_name VARCHAR(512), param_value FLOAT,
  distribution_json TEXT);
CREATE TABLE trial_values (trial_id INTEGER, objective INTEGER, value FLOAT, value_type VARCHAR(7) NOT NULL);
CREATE TABLE trial_intermediate_values (trial_id INTEGER, step INTEGER, intermediate_value FLOAT,
  intermediate_value_type VARCHAR(7) NOT NULL);
"""


PARAMS = {
    "lr": (lambda number: 10.0 ** -(1 + number % 3),
           {"name": "FloatDistribution", "attributes": {"step": None, "low": 1e-5, "high": 0.1, "log": True}}),
    "n": (lambda number: 2 * number + 1, {"name": "IntDistribution", "attributes": {"log": False, "step": 2, "low": 1, "high": 99}}),
    "o": (lambda number: number % 3, {"name": "CategoricalDistribution", "attributes": {"choices": ["adam", None, 0.5]}}),
}
STATES = ["COMPLETE", "COMPLETE", "PRUNED", "FAIL", "COMPLETE", "RUNNING", "WAITING", "COMPLETE"]


def write(path, studies, n_trials, first_step):
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA page_size = 512")
        db.executescript(SCHEMA)
        for study, name in enumerate(studies, 1):
            db.execute("INSERT INTO studies VALUES (?, ?)", (study, name))
            db.execute("INSERT INTO study_directions VALUES (?, ?)", (["MINIMIZE", "MAXIMIZE"][study % 2], study))
            db.execute("INSERT INTO study_system_attributes VALUES (?, 'study:metric_names', '[\"loss\"]')", (study,))
            for number in range(n_trials):
                trial = 10 * study + number
                state, time = STATES[number % 8], "2026-11-24 02:54:%02d.250000"
                db.execute("INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?)",
                           (trial, number, study, state, time % number, time % (number + 9) if state != "RUNNING" else None))
                for name, (value, distribution) in PARAMS.items():
                    db.execute("INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (?, ?, ?, ?)",
                               (trial, name, value(number), json.dumps(distribution)))
                if state in ("COMPLETE", "PRUNED"):
                    db.execute("INSERT INTO trial_values VALUES (?, 0, ?, 'FINITE')", (trial, 0.5 + number))
                for step in range(number % 4):
                    value, kind = ((None, ["INF_NEG", "NAN"][number % 2]) if step == 2 else (0.5 + number - step / 3, "FINITE"))
                    db.execute("INSERT INTO trial_intermediate_values VALUES (?, ?, ?, ?)",
                               (trial, first_step + step, value, kind))
    db.close()


folder = pathlib.Path(__file__).parent / "corpus" / "databases"
folder.mkdir(parents=True, exist_ok=True)
write(folder / "one_study.db", ["only"], 8, 1)
write(folder / "two_studies.db", ["study", "other"], 5, 0)
