"""azureml.core.Run as a trial's script has it: where azureml-core is installed and where it is not.

usage: azureml_test.py TRACKING_HOST
"""
import ast
import os
import pathlib
import subprocess
import sys
import tempfile

import programs

SCRIPT = '''
import os, sys
from azureml.core import Run, Workspace
from azureml.core.run import _OfflineRun
run = Run.get_context()
assert run is Run.get_context() and isinstance(run, _OfflineRun) and run.id.startswith("OfflineRun"), run.id

class Tensor:
    def __float__(self):
        return 0.75

run.log("lr", 0.1)
for epoch in range(3):
    run.log("accuracy", epoch / 10, step=epoch + 1)
run.log(name="accuracy", value=Tensor())
run.log("accuracy", float("nan"), description="diverged")
run.log("note", "a text")
run.log("nothing", None)
run.log_list("curve", [1, 2, 3])
run.log_row("row", epoch=1, loss=0.5)
run.log_table("table", {"x": [1, 2]})
run.log_confusion_matrix("matrix", {"data": {}})
assert run.get_metrics()["accuracy"][:3] == [0.0, 0.1, 0.2] and run.get_metrics("lr") == {"lr": 0.1}
with run.child_run("fold") as child:
    child.log("accuracy", 99)
    assert child.parent is run
run.tag("a", 1)
assert run.get_tags() == {"a": 1} and run.parent is None and run.input_datasets == {} and run.number == 1
assert isinstance(run.experiment.name, str)

os.makedirs("folder/inner")
open("model.bin", "w").write("model")
open("folder/inner/a.txt", "w").write("a")
run.upload_file("outputs/model.bin", "model.bin")
run.upload_file(name="model.bin", path_or_stream="./model.bin")
run.upload_folder("folder", "folder")
with open("model.bin", "rb") as stream:
    run.upload_file("stream.bin", stream)
class Plot:
    def savefig(self, path):
        open(path, "w").write("plot")
run.log_image("plot", plot=Plot())
assert run.get_file_names() == ["outputs/folder/inner/a.txt", "outputs/model.bin", "outputs/plot.png", "outputs/stream.bin"], run.get_file_names()
try:
    run.upload_file("../../out.bin", "model.bin")
    raise SystemExit("a name that leads out of the outputs")
except ValueError:
    pass
for use in (lambda: run.experiment.workspace.name, lambda: Workspace.from_config(), lambda: Workspace()):
    try:
        use()
        raise SystemExit("the workspace can be used")
    except AttributeError as error:
        assert "needs Azure" in str(error), error
assert run.register_model(model_name="m", model_path="outputs/model.bin").id == "m:1"
run.flush()
run.complete()
print("done")
'''

OFFLINE = "from azureml.core.run import Run; run = Run.get_context(); run.log('accuracy', 0.5); run.log_list('l', [1]); run.tag('a')"
INIT = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"  # as azureml-core and azureml-mlflow have it


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def check_run(host, folder):
    ran = programs.run(host, folder, "-c", SCRIPT, env=os.environ)
    assert ran.exit_code == 0 and ran.err == "" and ran.out == ["done"], (ran.exit_code, ran.out, ran.err)
    assert ran.values("lr") == [[None, 0.1]]
    assert ran.values("accuracy") == [[1, 0], [2, 0.1], [3, 0.2], [None, 0.75], [None, "nan"]], ran.values("accuracy")
    assert ran.values("curve") == [[None, 1], [None, 2], [None, 3]]
    assert {each["name"] for each in ran.metrics} == {"lr", "accuracy", "curve"}
    assert (folder / "outputs" / "model.bin").read_text() == "model"
    return folder / "python"


def python(path, code, **env):
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                         env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), **env})
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def check_offline_text(shim):
    assert python([shim], OFFLINE) == "Attempted to log scalar metric accuracy:\n0.5\nAttempted to log list metric l:\n[1]\n"


def check_steps_aside(shim, folder):
    for name, init in (("regular", INIT), ("namespace", None)):
        site = folder / name
        if init:
            write(site / "azureml" / "__init__.py", init)
        write(site / "azureml" / "core" / "__init__.py", "from azureml.core.run import Run\n")
        write(site / "azureml" / "core" / "run.py", "class Run:\n    real = True\n")
        assert python([shim, site], "from azureml.core import Run; import azureml.core.run; print(Run.real)") == "True\n", name
        assert python([shim, shim, site], "from azureml.core.run import Run; print(Run.real)") == "True\n", name

        others = folder / (name + "-others")  # azureml-mlflow is there, azureml-core is not
        if init:
            write(others / "azureml" / "__init__.py", init)
        write(others / "azureml" / "mlflow" / "__init__.py", "here = True\n")
        for path in ([shim, others], [others, shim]):
            if path[0] == others and not init:
                continue  # a namespace's folders are passed over for the first package
            code = "import azureml.mlflow; from azureml.core import Run; print(azureml.mlflow.here, Run.get_context().id[:10])"
            assert python(path, code) == "True OfflineRun\n", (name, path)


def check_refusal(shim):
    code = ("from azureml.core import Run\n"
            "try:\n    Run.get_context().log('accuracy', 0.5)\n"
            "except Exception as error:\n    print(type(error).__name__)\n")
    assert python([shim], code, LOCKSTEP_REPORT_URL="http://127.0.0.1:9/t/x/1/report") == "URLError\n"


def check_old_grammar(shim):
    for path in shim.rglob("*.py"):
        ast.parse(path.read_text(), feature_version=(3, 6))


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        shim = check_run(sys.argv[1], folder / "run")
        check_offline_text(shim)
        check_steps_aside(shim, folder)
        check_refusal(shim)
        check_old_grammar(shim)


if __name__ == "__main__":
    main()
