"""MLflow's own client logs to the tracking server, from training scripts as people write them (mlflow_programs.py).

usage: mlflow_test.py TRACKING_HOST
"""
import os
import pathlib
import re
import sys
import tempfile
import time

import programs

try:
    import mlflow
except ImportError as failure:
    print(f"SKIPPED: {failure}; tests/command/install fetches MLflow's clients from PyPI")
    sys.exit(77)

SCRIPT = pathlib.Path(__file__).with_name("mlflow_programs.py")

# All that may stand on standard error, each for a reason: what the client says of other things than tracking.
TIME = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d "
INFO = [
    r"mlflow\.utils\.autologging_utils: Created MLflow autologging run with ID '[0-9a-f]{32}', which will track .*",
    r"mlflow\.tracking\.fluent: Autologging successfully enabled for \w+\.",
    r"mlflow\.sklearn\.utils: Logging the \d+ best runs, .*",
    r"mlflow\.system_metrics\.system_metrics_monitor: (Skip logging GPU metrics\. .*|Started monitoring system metrics\.|"
    r"Stopping system metrics monitoring\.\.\.|Successfully terminated system metrics monitoring!)",
    r"mlflow\.(tracking\._model_registry\.client|store\.model_registry\.abstract_store): Waiting up to 300 seconds for model version "
    r"to finish creation\. .*",
]
ALLOWED = [
    "",
    *(TIME + "INFO " + each for each in INFO),
    TIME + r"WARNING mlflow\.sklearn: Saving scikit-learn models in the pickle or cloudpickle format requires exercising caution .*",
    TIME + r"WARNING mlflow\.models\.model: `artifact_path` is deprecated\. Please use `name` instead\.",
    TIME + r"WARNING mlflow\.utils\.autologging_utils: MLflow sklearn autologging is known to be compatible with .*",  # of the 2.x client
    r"Downloading artifacts: .*",  # a progress bar
    r"Successfully registered model 'iris classifier'\.",
    r"Created version '1' of model 'iris classifier'\.",
]


class Test:
    def __init__(self, host, folder):
        self.host = host
        self.folder = pathlib.Path(folder)
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
        self.env["HOME"] = str(self.folder)

    def run(self, name, exit_code=0):
        start = time.time()
        ran = programs.run(self.host, self.folder / name, SCRIPT, name, env=self.env)
        print(f"{name}: {time.time() - start:.1f} s", flush=True)
        told = "\n".join(ran.out) + "\n--- stderr\n" + ran.err
        assert ran.exit_code == exit_code, (name, ran.exit_code, told)
        assert ran.unknown == [], (name, ran.unknown)
        for line in ran.err.splitlines():
            assert any(re.fullmatch(pattern, line) for pattern in ALLOWED), f"{name}: on standard error: {line}\n{told}"
        return ran


def check_loops(test):
    ran = test.run("epochs")
    # MLflow's clients send step 0 where there is none: it is not told apart.
    assert ran.values("accuracy") == [[step or None, step / 10] for step in range(5)], ran.values("accuracy")
    assert [each["name"] for each in ran.metrics] == ["loss", "accuracy"] * 5
    released = [each["released"] for each in ran.metrics if each["name"] == "accuracy"]
    for back, let_go in zip(ran.asked()["after"], released):
        assert back >= let_go, "the program went on before the decision"

    ran = test.run("with_run")
    assert ran.values("accuracy") == [[None, 0], [1, 0.1], [2, 0.2]]
    asked = ran.asked()
    assert asked["metrics"] == {"accuracy": 0.2, "loss": 1.0} and asked["history"] == [[0, 0], [1, 0.1], [2, 0.2]], asked
    assert asked["tags"]["b"] == "two" and asked["tags"]["stage"] == "test" and asked["tags"]["mlflow.note.content"] == "a run"
    name = "mine" if mlflow.__version__[0] == "3" else "trial-1"  # a run that there is keeps its name with the 2.x client
    assert (asked["status"], asked["name"], asked["experiment"]) == ("FINISHED", name, "digits"), asked

    ran = test.run("asynchronous")
    assert ran.values("accuracy") == [[step or None, step / 100] for step in range(50)], ran.values("accuracy")

    ran = test.run("numbers")
    values = [value for _, value in ran.values("accuracy")]
    assert values == [0.5, "inf", "-inf", "nan", "nan"] or values == [0.5, "inf", "-inf", "nan"], values
    assert ran.asked() == {"nan": True, "big": 1e15}, ran.asked()

    ran = test.run("fails", exit_code=3)
    assert ran.values("accuracy") == [[1, 0.5]]


def check_sklearn(test):
    for name in ("autolog", "autolog_in_run"):
        ran = test.run(name)
        (_, score), = ran.values("accuracy")
        assert 0.8 < score <= 1, score
        assert "training_accuracy_score" in {each["name"] for each in ran.metrics}

    ran = test.run("grid_search")
    assert len(ran.values("accuracy")) == 1
    # What the fits inside log is theirs.
    assert [each["name"] for each in ran.metrics].count("mean_test_score") == 0, ran.metrics
    assert ran.asked() == {"children": 3, "best": "1.0"}, ran.asked()


def check_runs(test):
    assert test.run("nested").values("accuracy") == [[None, 0.5]]
    assert test.run("own_runs").values("accuracy") == [[None, 0.25], [1, 0.5]]


def check_artifacts(test):
    ran = test.run("artifacts")
    folder = test.folder / "artifacts" / "artifacts"
    assert (folder / "notes.txt").read_text() == "notes"
    assert (folder / "some folder" / "inner.txt").read_text() == "inner"
    asked = ran.asked()
    assert asked["listed"] == ["config.json", "notes.txt", "some folder", "text.txt"] and asked["notes"] == "notes", asked

    ran = test.run("model")
    assert ran.asked() == {"same": True, "registered": True, "version": "1", "run": True}, ran.asked()
    assert list((test.folder / "model" / "artifacts").rglob("MLmodel")), "no model was written"
    assert len(ran.values("accuracy")) == 1


def check_system_metrics(test):
    ran = test.run("system_metrics")
    assert ran.values("accuracy") == [[step or None, step / 10] for step in range(5)]
    assert any(each["name"].startswith("system/") for each in ran.metrics), ran.metrics


def main():
    print("mlflow", mlflow.__version__, flush=True)
    with tempfile.TemporaryDirectory(prefix="lockstep 100% #") as folder:  # a name that has to be escaped in addresses
        test = Test(sys.argv[1], folder)
        check_loops(test)
        check_runs(test)
        check_sklearn(test)
        check_artifacts(test)
        check_system_metrics(test)


if __name__ == "__main__":
    main()
