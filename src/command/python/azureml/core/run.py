"""azureml.core.Run for a script that runs as a trial of Lockstep.

`Run.get_context()` gives a run like that which azureml-core gives outside of Azure, whose `log` reports to the sweep and
returns when it is decided that the trial goes on. Without a sweep it prints what azureml-core prints.
"""
import json
import os
import shutil
import urllib.error
import urllib.request
import uuid

from azureml.core._needs_azure import NeedsAzure


def _report_url():
    return os.environ.get("LOCKSTEP_REPORT_URL", "")


def _trial():
    """The trial's number, from the address that ends with /TRIAL/report; None without a sweep."""
    parts = _report_url().split("/")
    return int(parts[-2]) if len(parts) > 2 and parts[-2].isdigit() else None


def _number(value):
    """The value as a float, also of NumPy or a tensor; None for what is no number."""
    if isinstance(value, (str, bytes)):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _report(name, value, step):
    body = {"metrics": {str(name): value}}
    if step is not None:
        body["step"] = int(step)
    request = urllib.request.Request(_report_url(), json.dumps(body).encode(), {"Content-Type": "application/json"})
    # No proxy leads to this machine itself. The reply is held until the decision, which may hang on slower trials.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(request, timeout=None).read()
    except urllib.error.HTTPError as failure:
        try:
            why = json.loads(failure.read().decode())["message"]
        except (KeyError, TypeError, ValueError):
            why = str(failure)
        raise RuntimeError("Lockstep did not take '{}': {}".format(name, why))


def _outputs():
    return os.path.abspath(os.environ.get("LOCKSTEP_OUTPUTS", "outputs"))


def _output_path(name):
    """Where a file of this name is kept: "outputs/model.pkl" and "model.pkl" are the same one."""
    folder = _outputs()
    parts = os.path.normpath(str(name)).split(os.sep)
    if parts[0] == "outputs":
        parts = parts[1:]
    path = os.path.normpath(os.path.join(folder, *parts))
    if path != folder and not path.startswith(os.path.join(folder, "")):
        raise ValueError("'{}' leads out of the outputs; use a name without '..'".format(name))
    return path


def _copy(source, target):
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        os.makedirs(folder)
    if os.path.realpath(source) != os.path.realpath(target):
        shutil.copyfile(source, target)


def _files_in(folder):
    return [os.path.relpath(os.path.join(root, name), folder) for root, _, names in os.walk(folder) for name in names]


class _Experiment(object):
    def __init__(self):
        self.name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "lockstep")
        self.id = self.name
        self.workspace = NeedsAzure("the workspace of a run")


class _Model(object):
    def __init__(self, name, tags, properties):
        self.name = name
        self.version = 1
        self.id = "{}:1".format(name)
        self.tags = dict(tags or {})
        self.properties = dict(properties or {})


class Run(object):
    """A run. Of a run inside of another nothing is reported."""

    _context = None

    def __init__(self, experiment=None, run_id=None, **kwargs):
        trial = _trial()
        self._run_id = run_id or "OfflineRun_{}".format(uuid.uuid4() if trial is None else "trial_{}".format(trial))
        self.experiment = experiment or _Experiment()
        self.number = 1 if trial is None else trial
        self.parent = None
        self.tags = {}
        self.properties = {}
        self.input_datasets = {}
        self.output_datasets = {}
        self._metrics = {}
        self._status = "Running"
        self._n_children = 0

    @classmethod
    def get_context(cls, allow_offline=True, used_for_context_manager=False, **kwargs):
        if Run._context is None:
            Run._context = _OfflineRun()
        return Run._context

    @property
    def id(self):
        return self._run_id

    @property
    def name(self):
        return self._run_id

    display_name = name

    @property
    def type(self):
        return "azureml.scriptrun"

    @property
    def status(self):
        return self._status

    # Metrics.

    def log(self, name, value, description="", step=None):
        self._keep(name, value)
        number = _number(value)
        if self._is_reported() and number is not None:
            _report(name, number, step)
        else:
            self._print("scalar", name, value)

    def log_list(self, name, value, description=""):
        values = list(value)
        for each in values:
            self._keep(name, each)
        numbers = [_number(each) for each in values]
        if not self._is_reported():
            self._print("list", name, value)
        elif None not in numbers:
            for number in numbers:
                _report(name, number, None)

    def log_row(self, name, description=None, **kwargs):
        self._keep(name, kwargs)
        self._print("row", name, kwargs)

    def log_table(self, name, value, description=""):
        self._keep(name, value)
        self._print("table", name, value)

    def log_image(self, name, path=None, plot=None, description=""):
        self._print("image", name, plot or path)
        if plot is not None:
            target = _output_path(name if os.path.splitext(name)[1] else name + ".png")
            if not os.path.isdir(os.path.dirname(target)):
                os.makedirs(os.path.dirname(target))
            plot.savefig(target)
        elif path is not None:
            _copy(path, _output_path(name if os.path.splitext(name)[1] else name + os.path.splitext(path)[1]))

    def log_confusion_matrix(self, name, value, description=""):
        self._print("confusion_matrix", name, value)

    def log_accuracy_table(self, name, value, description=""):
        self._print("accuracy_table", name, value)

    def log_residuals(self, name, value, description=""):
        self._print("residual", name, value)

    def log_predictions(self, name, value, description=""):
        self._print("predictions", name, value)

    def get_metrics(self, name=None, **kwargs):
        """What was logged: of a metric logged once its value, else a list."""
        metrics = {key: values[0] if len(values) == 1 else list(values) for key, values in self._metrics.items()}
        return metrics if name is None else {key: value for key, value in metrics.items() if key == name}

    def _keep(self, name, value):
        self._metrics.setdefault(str(name), []).append(value)

    def _is_reported(self):
        return bool(_report_url()) and self.parent is None

    def _print(self, kind, name, value):
        """As azureml-core does, outside of a sweep alone: there it is read as a report."""
        if not _report_url():
            print("Attempted to log {0} metric {1}:\n{2}".format(kind, name, value), flush=True)

    # Files.

    def upload_file(self, name, path_or_stream, datastore_name=None):
        target = _output_path(name)
        if not hasattr(path_or_stream, "read"):
            _copy(path_or_stream, target)
            return
        data = path_or_stream.read()
        if not os.path.isdir(os.path.dirname(target)):
            os.makedirs(os.path.dirname(target))
        with open(target, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())

    def upload_files(self, names, paths, return_artifacts=False, timeout_seconds=None, datastore_name=None):
        for name, path in zip(names, paths):
            self.upload_file(name, path)

    def upload_folder(self, name, path, datastore_name=None):
        for each in _files_in(path):  # all are known before the first is copied: the target may be inside
            _copy(os.path.join(path, each), _output_path(os.path.join(name, each)))

    def get_file_names(self):
        return sorted("outputs/" + each.replace(os.sep, "/") for each in _files_in(_outputs()))

    def download_file(self, name, output_file_path=None, **kwargs):
        target = output_file_path or os.path.basename(name)
        _copy(_output_path(name), os.path.abspath(os.path.join(target, os.path.basename(name)) if os.path.isdir(target) else target))

    def register_model(self, model_name, model_path=None, tags=None, properties=None, **kwargs):
        """There is no registry outside of Azure; the model's file stays in the outputs."""
        return _Model(model_name, tags, properties)

    # The run itself.

    def tag(self, key, value=None):
        self.tags[key] = value

    def set_tags(self, tags):
        self.tags.update(tags)

    def get_tags(self):
        return dict(self.tags)

    def add_properties(self, properties):
        self.properties.update(properties)

    def get_properties(self):
        return dict(self.properties)

    def get_status(self):
        return self._status

    def get_details(self):
        return {"runId": self._run_id, "status": self._status, "properties": dict(self.properties)}

    def get_portal_url(self):
        return ""

    def get_children(self, *args, **kwargs):
        return iter(())

    def child_run(self, name=None, run_id=None, outputs=None):
        self._n_children += 1
        child = _OfflineRun(self.experiment, run_id or "{}.{}".format(self.id, name or self._n_children))
        child.parent = self
        return child

    def start(self):
        self._status = "Running"

    def flush(self, timeout_seconds=300):
        pass

    def complete(self, _set_status=True):
        self._status = "Completed"

    def fail(self, error_details=None, error_code=None, _set_status=True):
        self._status = "Failed"

    def cancel(self):
        self._status = "Canceled"

    def __enter__(self):
        return self

    def __exit__(self, kind, failure, traceback):
        self.complete() if kind is None else self.fail()
        return False

    def __repr__(self):
        return "Run(Experiment: {},\nId: {},\nStatus: {})".format(self.experiment.name, self.id, self._status)


class _OfflineRun(Run):
    """What scripts look for that tell a run outside of Azure."""
