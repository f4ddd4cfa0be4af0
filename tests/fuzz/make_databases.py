#!/usr/bin/env python3
"""Writes corpus/databases: small SQLite files with Optuna's tables, as far as curves are read from them."""
import pathlib
import sqlite3

SCHEMA = """
CREATE TABLE studies (study_id INTEGER PRIMARY KEY, study_name VARCHAR(512));
CREATE TABLE study_directions (direction VARCHAR(8), study_id INTEGER);
CREATE TABLE trials (trial_id INTEGER PRIMARY KEY, number INTEGER, study_id INTEGER);
CREATE TABLE trial_intermediate_values (trial_id INTEGER, step INTEGER, intermediate_value FLOAT,
  intermediate_value_type VARCHAR(7) NOT NULL);
"""


def write(path, studies, n_trials, first_step):
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA page_size = 512")
        db.executescript(SCHEMA)
        for study, name in enumerate(studies, 1):
            db.execute("INSERT INTO studies VALUES (?, ?)", (study, name))
            db.execute("INSERT INTO study_directions VALUES (?, ?)", (["MINIMIZE", "MAXIMIZE"][study % 2], study))
            for number in range(n_trials):
                trial = 10 * study + number
                db.execute("INSERT INTO trials VALUES (?, ?, ?)", (trial, number, study))
                for step in range(number % 4):
                    value, kind = ((None, ["INF_NEG", "NAN"][number % 2]) if step == 2 else (0.5 + number - step / 3, "FINITE"))
                    db.execute("INSERT INTO trial_intermediate_values VALUES (?, ?, ?, ?)",
                               (trial, first_step + step, value, kind))
    db.close()


folder = pathlib.Path(__file__).parent / "corpus" / "databases"
folder.mkdir(parents=True, exist_ok=True)
write(folder / "one_study.db", ["only"], 8, 1)
write(folder / "two_studies.db", ["study", "other"], 5, 0)
