"""What the tests of programs that report share: a program under a tracking server alone, and what came of it."""
import json
import pathlib
import subprocess
import sys


class Ran:
    def __init__(self, process):
        assert process.returncode == 0, f"{process.args}: {process.returncode}\n{process.stdout}\n{process.stderr}"
        *lines, last = process.stdout.splitlines()
        result = json.loads(last)
        self.exit_code = result["exit_code"]
        self.metrics = result["metrics"]
        self.unknown = result["unknown"]
        self.out = lines
        self.err = process.stderr

    def values(self, name):
        """[[step, value], ...] of a metric, in the order in which they came."""
        return [[each["step"], each["value"]] for each in self.metrics if each["name"] == name]

    def asked(self):
        """What the program printed behind "ASKED "."""
        return {key: value for line in self.out if line.startswith("ASKED ") for key, value in json.loads(line[6:]).items()}


def run(host, folder, *command, env):
    """Runs a command as a trial under `tracking_host`, in a folder of its own."""
    folder = pathlib.Path(folder)
    work = folder / "work"
    work.mkdir(parents=True)
    return Ran(subprocess.run([host, folder, sys.executable, *map(str, command)], cwd=work, env=env, capture_output=True, text=True))
