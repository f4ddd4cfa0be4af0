"""TensorBoard reads what `lockstep export --to tensorboard` writes: scalar curves, and the HParams plugin's data.

usage: tensorboard_test.py LOCKSTEP
"""
import math
import sys
import tempfile

from lockstep_program import HOSTILE_NAMES, Lockstep, params_of, skip_without

skip_without("tensorboard")
from tensorboard.backend.event_processing import plugin_event_multiplexer as event_multiplexer  # noqa: E402
from tensorboard.plugins.hparams import plugin_data_pb2  # noqa: E402
from tensorboard.util import tensor_util  # noqa: E402


class Logs:
    def __init__(self, folder):
        self.events = event_multiplexer.EventMultiplexer()
        self.events.AddRunsFromDirectory(str(folder))
        self.events.Reload()
        self.runs = sorted(run for run in self.events.Runs() if run != ".")
        self.plugin_data = self.events.PluginRunToTagToContent("hparams")

    def curve(self, run, tag):
        return [(event.step, tensor_util.make_ndarray(event.tensor_proto).item()) for event in self.events.Tensors(run, tag)]

    def hparams(self, run, what):
        return getattr(plugin_data_pb2.HParamsPluginData.FromString(self.plugin_data[run]["_hparams_/" + what]), what)


def value_of(value):
    return getattr(value, value.WhichOneof("kind"))


def test_export(lockstep):
    name = lockstep.sweep()
    record = lockstep.record(name)
    curves = {curve["trial"]: curve["values"] for curve in record["curves"]}
    lockstep("export", name, "--to", "tensorboard", "--top", 10, "-o", "runs")
    logs = Logs(lockstep.folder / "runs")
    best = sorted((trial for trial in record["trials"] if trial["value"] is not None),
                  key=lambda trial: (-trial["value"], trial["number"]))[:10]
    assert logs.runs == sorted(f"trial_{trial['number']:02d}" for trial in best)
    experiment = logs.hparams(".", "experiment")
    assert [info.name for info in experiment.hparam_infos] == list(params_of(best[0]))
    assert [metric.name.tag for metric in experiment.metric_infos] == ["accuracy"]
    for trial in best:
        run = f"trial_{trial['number']:02d}"
        expected = curves[trial["number"]]
        curve = logs.curve(run, "accuracy")
        assert [step for step, _ in curve] == list(range(1, len(expected) + 1))
        for (_, value), wanted in zip(curve, expected):
            assert math.isnan(value) if wanted is None else math.isclose(value, wanted, rel_tol=1e-6), (value, wanted)
        start = logs.hparams(run, "session_start_info")
        assert start.group_name == run
        for key, value in params_of(trial).items():
            wanted = value if isinstance(value, float) else str(value)  # `hidden` has a list among its choices
            assert value_of(start.hparams[key]) == wanted, (key, value)
        success = trial["state"] in ("COMPLETE", "PRUNED")
        assert logs.hparams(run, "session_end_info").status == (1 if success else 2)


def test_hostile_names(lockstep):
    name = lockstep.hostile()
    lockstep("export", name, "--to", "tensorboard", "-o", "hostile-runs")
    logs = Logs(lockstep.folder / "hostile-runs")
    assert len(logs.runs) == 20
    assert [info.name for info in logs.hparams(".", "experiment").hparam_infos] == HOSTILE_NAMES
    assert set(logs.hparams("trial_00", "session_start_info").hparams) == set(HOSTILE_NAMES)


def main():
    with tempfile.TemporaryDirectory() as folder:
        lockstep = Lockstep(sys.argv[1], folder)
        for test in (test_export, test_hostile_names):
            test(lockstep)
            print("passed:", test.__name__)


if __name__ == "__main__":
    main()
