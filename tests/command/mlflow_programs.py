"""Training scripts as people write them, with nothing in them that knows of Lockstep.

usage: mlflow_programs.py NAME

Each logs the metric `accuracy`. What it prints behind "ASKED " is what MLflow answered it.
"""
import json
import os
import sys
import time
import warnings

import mlflow

warnings.filterwarnings("ignore", category=FutureWarning)


def say(**what):
    print("ASKED " + json.dumps(what), flush=True)


def data():
    from sklearn.datasets import load_iris
    from sklearn.model_selection import train_test_split
    return train_test_split(*load_iris(return_X_y=True), random_state=0)


def epochs():
    """A loop, as of PyTorch's tutorials."""
    mlflow.log_params({"lr": 0.1, "epochs": 5})
    after = []
    for epoch in range(5):
        mlflow.log_metric("loss", 1 / (epoch + 1), step=epoch)
        mlflow.log_metric("accuracy", epoch / 10, step=epoch)
        after.append(time.time())
    say(after=after)


def with_run():
    mlflow.set_experiment("digits")
    with mlflow.start_run(run_name="mine", tags={"stage": "test"}, description="a run") as run:
        for epoch in range(3):
            mlflow.log_metrics({"accuracy": epoch / 10, "loss": 1.0}, step=epoch)
        mlflow.set_tags({"a": 1, "b": "two"})
        assert mlflow.active_run().info.run_id == run.info.run_id
    client = mlflow.MlflowClient()
    got = client.get_run(run.info.run_id)
    history = client.get_metric_history(run.info.run_id, "accuracy")
    say(metrics=got.data.metrics, params=got.data.params, tags=got.data.tags, status=got.info.status, name=got.info.run_name,
        history=[[point.step, point.value] for point in history], experiment=mlflow.get_experiment(run.info.experiment_id).name)


def autolog():
    """scikit-learn logs by itself, and the script what it measured."""
    from sklearn.linear_model import LogisticRegression
    mlflow.sklearn.autolog()
    x, test_x, y, test_y = data()
    model = LogisticRegression(max_iter=200).fit(x, y)
    mlflow.log_metric("accuracy", model.score(test_x, test_y))


def autolog_in_run():
    from sklearn.ensemble import RandomForestClassifier
    mlflow.autolog()
    x, test_x, y, test_y = data()
    with mlflow.start_run():
        model = RandomForestClassifier(n_estimators=5, random_state=0).fit(x, y)
        model.score(test_x, test_y)
        mlflow.log_metric("accuracy", model.score(test_x, test_y))


def grid_search():
    """Every fit is a run inside of the script's."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    mlflow.sklearn.autolog(max_tuning_runs=3)
    x, test_x, y, test_y = data()
    with mlflow.start_run() as run:
        search = GridSearchCV(LogisticRegression(max_iter=200), {"C": [0.01, 0.1, 1.0]}, cv=2).fit(x, y)
        mlflow.log_metric("accuracy", search.score(test_x, test_y))
    found = mlflow.search_runs(["0"], filter_string="tags.mlflow.parentRunId = '{}'".format(run.info.run_id),
                               order_by=["metrics.mean_test_score DESC"])
    say(children=len(found), best=found.iloc[0]["params.C"])


def nested():
    with mlflow.start_run():
        for fold in range(2):
            with mlflow.start_run(nested=True):
                mlflow.log_metric("accuracy", 0.1 * fold)
        mlflow.log_metric("accuracy", 0.5)


def own_runs():
    """One run ends and the next begins; the second logs what counts."""
    with mlflow.start_run():
        mlflow.log_param("stage", "prepare")
    with mlflow.start_run(run_name="train"):
        mlflow.log_metric("accuracy", 0.25)
    client = mlflow.MlflowClient()
    run = client.create_run(experiment_id="0")
    client.log_metric(run.info.run_id, "accuracy", 0.5, step=1)
    client.set_terminated(run.info.run_id)


def artifacts():
    with open("notes.txt", "w") as file:
        file.write("notes")
    os.makedirs("folder", exist_ok=True)
    with open("folder/inner.txt", "w") as file:
        file.write("inner")
    mlflow.log_artifact("notes.txt")
    mlflow.log_artifacts("folder", artifact_path="some folder")
    mlflow.log_dict({"a": 1}, "config.json")
    mlflow.log_text("text", "text.txt")
    mlflow.log_metric("accuracy", 0.5)
    listed = sorted(each.path for each in mlflow.MlflowClient().list_artifacts(mlflow.active_run().info.run_id))
    say(uri=mlflow.get_artifact_uri(), listed=listed, notes=mlflow.artifacts.load_text(mlflow.get_artifact_uri("notes.txt")))


def model():
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression
    x, test_x, y, test_y = data()
    fitted = LogisticRegression(max_iter=200).fit(x, y)
    with mlflow.start_run() as run:
        mlflow.log_metric("accuracy", fitted.score(test_x, test_y))
        info = mlflow.sklearn.log_model(fitted, "model", signature=infer_signature(x, fitted.predict(x)),
                                        registered_model_name="iris classifier")
        mlflow.log_input(mlflow.data.from_numpy(x, name="iris"), context="training")
    loaded = mlflow.sklearn.load_model(info.model_uri)
    registered = mlflow.pyfunc.load_model("models:/iris classifier/1")
    version = mlflow.MlflowClient().get_model_version("iris classifier", "1")
    say(same=bool((loaded.predict(test_x) == fitted.predict(test_x)).all()), version=version.version,
        registered=bool((registered.predict(test_x) == fitted.predict(test_x)).all()), run=version.run_id == run.info.run_id)


def asynchronous():
    mlflow.config.enable_async_logging(True)
    for step in range(50):
        mlflow.log_metric("accuracy", step / 100, step=step)
    mlflow.log_params({"a": 1})
    mlflow.flush_async_logging()


def numbers():
    """What is no number, and values without a step."""
    mlflow.log_metric("accuracy", 0.5)
    time.sleep(0.01)
    mlflow.log_metric("accuracy", float("inf"))
    time.sleep(0.01)
    mlflow.log_metric("accuracy", float("-inf"))
    time.sleep(0.01)
    mlflow.log_metric("accuracy", float("nan"))
    mlflow.log_metrics({"accuracy": float("nan"), "big": 10 ** 15})
    got = mlflow.MlflowClient().get_run(mlflow.active_run().info.run_id).data.metrics
    say(nan=got["accuracy"] != got["accuracy"], big=got["big"])


def system_metrics():
    mlflow.enable_system_metrics_logging()
    mlflow.set_system_metrics_sampling_interval(0.1)
    mlflow.set_system_metrics_samples_before_logging(1)
    with mlflow.start_run():
        for epoch in range(5):
            time.sleep(0.15)
            mlflow.log_metric("accuracy", epoch / 10, step=epoch)


def fails():
    """A script that raises inside of its run: the client still ends it."""
    with mlflow.start_run():
        mlflow.log_metric("accuracy", 0.5, step=1)
        raise SystemExit(3)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
