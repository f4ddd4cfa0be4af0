"""What the interoperability tests share: the program under test, a sweep to look at, and how a missing reader is said."""
import json
import math
import pathlib
import subprocess
import sys

SWEEP = """\
type: sweep
display_name: tiny
sampling_algorithm: {type: random, seed: 5}
trial: {model: mlp, dataset: digits, epochs: 5}
search_space:
  lr: {type: loguniform, min_value: -7, max_value: 8}
  momentum: {type: quniform, min_value: 0.06, max_value: 0.94, q: 0.1}
  weight_decay: {type: lognormal, mu: -8, sigma: 1}
  hidden: {type: choice, values: [8, 16, [16, 8]]}
  label_smoothing: {type: uniform, min_value: 0, max_value: 0.3}
objective: {goal: maximize, primary_metric: accuracy}
limits: {max_total_trials: 40}
early_termination: {type: median_stopping, delay_evaluation: 2}
"""

# Names and values that are to stay text: quotes, markup, an escape sequence, a line break, an emoji, 10,000 letters.
HOSTILE_NAMES = ['lr "quoted"\n<script>alert(1)</script>', "\x1b[31mred", "\U0001f680", "x" * 10_000]
HOSTILE_CHOICES = ["'; DROP TABLE trials; --", "a,b\nc", "\U0001f680", "z" * 10_000]


def skip_without(module):
    """Ends the test as skipped where `module` was not installed."""
    try:
        return __import__(module)
    except ImportError as failure:
        print(f"SKIPPED: {failure}; tests/interop/install fetches what these tests read with from PyPI")
        sys.exit(77)


class Lockstep:
    def __init__(self, program, folder):
        self.program = program
        self.folder = pathlib.Path(folder)

    def __call__(self, *arguments):
        ran = subprocess.run([self.program, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True)
        assert ran.returncode == 0, f"lockstep {arguments}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def sweep(self, name="sweep"):
        """Trains a small sweep, some of whose trials are stopped and some diverge; its folder's name."""
        (self.folder / "sweep.yml").write_text(SWEEP)
        self("run", "sweep.yml", "-o", name, "--tile", 8, "--quiet")
        return name

    def hostile(self, name="hostile"):
        """A sweep whose names and values are hostile; its folder's name."""
        def quoted(text):
            return '"' + text.replace('"', '""') + '"'
        lines = [",".join(map(quoted, HOSTILE_NAMES + ["value"]))]
        lines += [",".join([quoted(HOSTILE_CHOICES[i % 4])] + [str(0.1 * i + j) for j in range(3)] + [str(i % 7)])
                  for i in range(20)]
        (self.folder / "hostile.csv").write_text("\n".join(lines) + "\n", newline="")
        self("import", "hostile.csv", "--goal", "minimize", "-o", name)
        return name

    def record(self, name):
        """What `lockstep export --to json` says."""
        path = self.folder / f"{name}-export.json"
        self("export", name, "--to", "json", "-o", path, "--overwrite")
        return json.loads(path.read_text())


def params_of(trial):
    return {key.removeprefix("params_"): value for key, value in trial.items() if key.startswith("params_")}


def same(a, b):
    return a == b or (a is None and b is not None and not math.isfinite(b))
