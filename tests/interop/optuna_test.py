"""Optuna opens what `lockstep export --to optuna.db` writes, and `lockstep import` reads what Optuna writes.

usage: optuna_test.py LOCKSTEP
"""
import collections
import json
import math
import pathlib
import sys
import tempfile
import warnings

from lockstep_program import HOSTILE_CHOICES, HOSTILE_NAMES, Lockstep, params_of, same, skip_without

optuna = skip_without("optuna")
optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore")
State = optuna.trial.TrialState


def open_study(path):
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")  # refuses a schema of another version
    (name,) = [summary.study_name for summary in optuna.get_all_study_summaries(storage)]
    return optuna.load_study(study_name=name, storage=storage)


def as_optuna_has_it(value):
    """Optuna takes scalars alone, so a list is its JSON text."""
    return json.dumps(value) if isinstance(value, list) else value


def check_same(study, record):
    """The study has the record's trials, states, values, hyperparameters and reports."""
    trials = study.get_trials()
    assert len(trials) == len(record["trials"])
    curves = {curve["trial"]: curve["values"] for curve in record["curves"]}
    for trial, ours in zip(trials, record["trials"]):
        assert trial.number == ours["number"]
        assert trial.state.name == ours["state"], (trial.number, trial.state)
        assert trial.params == {name: as_optuna_has_it(value) for name, value in params_of(ours).items()}
        if trial.state in (State.COMPLETE, State.PRUNED):
            assert trial.value == ours["value"], (trial.number, trial.value, ours["value"])
        values = curves.get(trial.number, [])
        assert list(trial.intermediate_values) == list(range(1, len(values) + 1))
        for mine, theirs in zip(values, trial.intermediate_values.values()):
            assert same(mine, theirs), (trial.number, mine, theirs)
    complete = [trial for trial in record["trials"] if trial["state"] == "COMPLETE"]
    best = (max if record["sweep"]["goal"] == "maximize" else min)(trial["value"] for trial in complete)
    assert study.best_value == best  # Optuna looks at complete trials alone
    assert study.user_attrs["lockstep:sweep"]["value"] == record["sweep"]["value"]


def test_export(lockstep):
    name = lockstep.sweep()
    record = lockstep.record(name)
    states = collections.Counter(trial["state"] for trial in record["trials"])
    assert states["COMPLETE"] >= 5 and states["PRUNED"] >= 5 and states["FAIL"] >= 1, states  # else this shows too little
    lockstep("export", name, "--to", "optuna.db", "-o", "study.db")
    study = open_study(lockstep.folder / "study.db")
    assert study.direction.name == "MAXIMIZE"
    check_same(study, record)

    importances = optuna.importance.get_param_importances(
        study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=1))
    assert set(importances) == set(params_of(record["trials"][0]))
    assert math.isclose(sum(importances.values()), 1, abs_tol=1e-6), importances
    assert all(math.isfinite(share) for share in importances.values()), importances

    # Optuna checks every trial against its distributions here.
    copy = optuna.create_study(direction="maximize")
    copy.add_trials(study.get_trials())
    assert len(copy.get_trials()) == 40
    # ... and goes on from there.
    distributions = study.get_trials()[0].distributions
    study.tell(study.ask(distributions), 0.5)
    assert len(study.get_trials()) == 41

    # The journal itself opens as well.
    journal = open_study(lockstep.folder / name / "sweep.db")
    assert [trial.state for trial in journal.get_trials()] == [trial.state for trial in copy.get_trials()]


def test_round_trip(lockstep):
    lockstep("export", "sweep", "--to", "optuna.db", "-o", "again.db")
    lockstep("import", "again.db", "-o", "again")
    before, after = lockstep.record("sweep"), lockstep.record("again")
    for part in ("trials", "curves"):
        assert before[part] == after[part]
    for key in ("trial", "value", "interval", "test_metric", "hyperparameters", "trial_intervals", "elapsed_s"):
        assert before["sweep"][key] == after["sweep"][key], key


def test_hostile_names(lockstep):
    name = lockstep.hostile()
    lockstep("export", name, "--to", "optuna.db", "-o", "hostile.db")
    study = open_study(lockstep.folder / "hostile.db")
    check_same(study, lockstep.record(name))
    assert list(study.get_trials()[0].params) == HOSTILE_NAMES
    assert [trial.params[HOSTILE_NAMES[0]] for trial in study.get_trials()[:4]] == HOSTILE_CHOICES


def objective(trial):
    lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    momentum = trial.suggest_float("momentum", 0, 0.75, step=0.25)
    layers = trial.suggest_int("layers", 1, 9, step=2)
    width = trial.suggest_int("width", 4, 64, log=True)
    optimizer = trial.suggest_categorical("optimizer", ["adam", "sgd", 3, 0.5, True, None])
    if optimizer == "adam":
        trial.suggest_float("beta", 0, 1)  # of some trials alone
    if trial.number == 7:
        raise ValueError("a trial that failed")
    loss = abs(math.log10(lr) + 3) + 0.1 * layers + momentum + width / 64
    for step in range(0, 50, 10):
        trial.report(loss + 1 / (step + 1), step)
        if trial.number % 4 == 3 and step == 20:
            raise optuna.TrialPruned()
    return loss + 1 / 41


def test_import(lockstep):
    storage = f"sqlite:///{lockstep.folder / 'theirs.db'}"
    optuna.create_study(study_name="other", storage=storage)
    study = optuna.create_study(study_name="cnn", storage=storage, direction="minimize",
                                sampler=optuna.samplers.RandomSampler(seed=3))
    study.optimize(objective, n_trials=30, catch=(ValueError,))
    study.enqueue_trial({"lr": 0.01})
    lockstep("import", "theirs.db", "--study", "cnn", "-o", "theirs")
    record = lockstep.record("theirs")
    theirs = study.get_trials()
    assert theirs[-1].state == State.WAITING
    assert [trial["number"] for trial in record["trials"]] == list(range(30))
    curves = {curve["trial"]: curve["values"] for curve in record["curves"]}
    for ours, trial in zip(record["trials"], theirs):
        params = {name: "None" if value is None else value for name, value in trial.params.items() if name != "beta"}
        assert params_of(ours) == params
        assert ours["state"] == trial.state.name
        assert ours["value"] == trial.value, (ours, trial)
        assert curves.get(trial.number, []) == list(trial.intermediate_values.values())
    assert record["sweep"]["trial"] == min(
        (trial for trial in theirs if trial.value is not None), key=lambda trial: trial.value).number
    for command in ("best", "trials"):
        lockstep(command, "theirs")


def main():
    print("Optuna", optuna.__version__)
    with tempfile.TemporaryDirectory() as folder:
        lockstep = Lockstep(sys.argv[1], folder)
        for test in (test_export, test_round_trip, test_hostile_names, test_import):
            test(lockstep)
            print("passed:", test.__name__)


if __name__ == "__main__":
    main()
