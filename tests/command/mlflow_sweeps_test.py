"""Sweeps of training scripts that log with MLflow's own client: each is judged, and stopped, at the right report.

usage: mlflow_sweeps_test.py LOCKSTEP
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import mlflow
except ImportError as failure:
    print(f"SKIPPED: {failure}; tests/command/install fetches MLflow's clients from PyPI")
    sys.exit(77)

LOCKSTEP = sys.argv[1]

EPOCHS = """
import sys, mlflow
x = int(sys.argv[1])
mlflow.log_params({"x": x, "epochs": 4})
for epoch in range(4):
    mlflow.log_metric("loss", 1 / (epoch + 1), step=epoch)
    mlflow.log_metric("accuracy", x + epoch / 10, step=epoch)
    with open("outputs/went_on.txt", "a") as file:
        print(epoch, file=file)
"""

AUTOLOG = """
import sys, warnings
import mlflow
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
warnings.filterwarnings("ignore", category=FutureWarning)
mlflow.sklearn.autolog()
x, test_x, y, test_y = train_test_split(*load_iris(return_X_y=True), random_state=0)
with mlflow.start_run():
    LogisticRegression(C=10.0 ** float(sys.argv[1]), max_iter=300).fit(x, y)
"""

SWEEP = """
type: sweep
trial: {{command: '{python} train.py ${{{{search_space.x}}}}', code: code}}
sampling_algorithm: grid
search_space: {{x: {{type: choice, values: {values}}}}}
objective: {{goal: maximize, primary_metric: {metric}}}
limits: {{max_concurrent_trials: {at_once}}}
{policy}
"""


def sweep(folder, script, values, metric, at_once, policy=""):
    folder.mkdir()
    (folder / "code").mkdir()
    (folder / "code" / "train.py").write_text(script)
    (folder / "sweep.yml").write_text(SWEEP.format(python=sys.executable, values=values, metric=metric, at_once=at_once,
                                                   policy=policy))
    ran = subprocess.run([LOCKSTEP, "run", "sweep.yml", "--output", "out", "--format", "json"], cwd=folder,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    outputs = {path: path.read_text() for path in sorted(folder.glob("out/trials/*/output.txt"))}
    assert ran.returncode == 0, (ran.stderr, outputs)
    trials = json.loads(subprocess.run([LOCKSTEP, "trials", "out", "--format", "json"], cwd=folder, check=True,
                                       stdout=subprocess.PIPE, text=True).stdout)
    for path, text in outputs.items():
        for word in ("ERROR", "Traceback", "Exception", "Failed to"):
            assert word not in text, (path, text)
    return json.loads(ran.stdout), trials, ran.stderr


def check_epochs(folder):
    policy = "early_termination: {type: truncation_selection, truncation_percentage: 60, delay_evaluation: 3}"
    summary, trials, told = sweep(folder, EPOCHS, [5, 2, 1], "accuracy", 1, policy)
    assert [trial["state"] for trial in trials] == ["COMPLETE", "PRUNED", "PRUNED"], (trials, told)
    assert [trial["intervals"] for trial in trials] == [4, 3, 3], trials
    went_on = [(folder / f"out/trials/{n}/outputs/went_on.txt").read_text().split() for n in range(3)]
    assert went_on == [["0", "1", "2", "3"], ["0", "1"], ["0", "1"]], went_on
    assert summary["best"]["hyperparameters"] == {"x": 5} and abs(summary["best"]["validation"] - 5.3) < 1e-9, summary
    logged = [json.loads(line) for line in (folder / "out/trials/0/metrics.jsonl").read_text().splitlines()]
    assert [each["name"] for each in logged] == ["loss", "accuracy"] * 4, logged


def check_autolog(folder):
    summary, trials, told = sweep(folder, AUTOLOG, [-3, 0, 1], "training_accuracy_score", 2)
    assert [trial["state"] for trial in trials] == ["COMPLETE"] * 3, (trials, told)
    assert [trial["intervals"] for trial in trials] == [1] * 3, trials
    assert summary["best"]["validation"] > 0.9 and trials[0]["value"] < summary["best"]["validation"], (summary, trials)
    models = list(folder.glob("out/trials/0/outputs/artifacts/**/MLmodel"))
    assert len(models) == 1, models


def main():
    print(f"MLflow {mlflow.__version__}")
    for key in [key for key in os.environ if key.startswith("MLFLOW_")]:
        del os.environ[key]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder
        check_epochs(pathlib.Path(folder) / "epochs")
        check_autolog(pathlib.Path(folder) / "autolog")
    print("passed")


if __name__ == "__main__":
    main()
