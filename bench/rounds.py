"""What the bench commands share: building, rounds of every contestant, ratios within a round, a table, a JSON file.

A contestant is a command whose last line of output is a JSON object, or a function that returns one. A round runs each
once, in an order of its own, so that a machine whose speed wanders slows all of them alike; ratios are taken within a
round. A contestant that cannot do the job prints {"cannot": reason}, and is not asked again.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import random
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / "bench" / "peers"
PYTHON = str(pathlib.Path(os.environ.get("LOCKSTEP_DEPS_DIR", ROOT / ".deps")) / "peers" / "bin" / "python")


def parser(description, name, min_seconds=None, n_rounds=5):
    result = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--rounds", type=int, default=n_rounds,
                        help=f"at least {n_rounds} for figures to publish (%(default)s)")
    if min_seconds is not None:
        result.add_argument("--min-seconds", type=float, default=min_seconds,
                            help="time each contestant until so much has gone by (%(default)s)")
    result.add_argument("--build-dir", help="use the bench programs of this build folder and build nothing")
    result.add_argument("--output", default=str(ROOT / "bench" / "results" / f"{name}.json"), help="(%(default)s)")
    return result


def prepare(args, targets, peers=True):
    """Installs the peers and builds `targets` where they are missing. Returns the folder of the programs."""
    if args.rounds < 1:
        sys.exit("--rounds must be at least 1")
    if peers:
        subprocess.run([PEERS / "install"], check=True)
    build_dir = pathlib.Path(args.build_dir).resolve() if args.build_dir else ROOT / "build-bench"
    if not args.build_dir:
        environment = dict(os.environ, LOCKSTEP_BUILD_DIR="build-bench",
                           LOCKSTEP_CMAKE_ARGS="-DLOCKSTEP_BUILD_BENCH=ON -DLOCKSTEP_BUILD_TESTS=OFF")
        subprocess.run([ROOT / "scripts" / "build", *targets], env=environment, check=True)
    args.load = os.getloadavg()[0]
    if args.load > 0.5:
        print(f"warning: the machine is not idle (load {args.load:.1f}); ratios will wander", file=sys.stderr)
    return build_dir / "bin"


def run(command, max_seconds=None):
    """What a contestant prints; that it cannot where it takes longer than `max_seconds`."""
    if callable(command):
        return command()
    command = [str(part) for part in command]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=max_seconds)
    except subprocess.TimeoutExpired:
        return {"cannot": f"more than {max_seconds:.0f} s"}
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(command)}")
    return json.loads(done.stdout.splitlines()[-1])


def run_rounds(label, commands, n_rounds, tell, max_seconds=None):
    """The results of every contestant, [rounds]; of one that cannot, the one that says so. `tell(result)` says one in
    words."""
    results = {name: [] for name in commands}
    for n in range(n_rounds):
        order = list(commands)
        random.Random(f"{label} {n}").shuffle(order)
        for name in order:
            if results[name] and "cannot" in results[name][-1]:
                continue
            result = run(commands[name], max_seconds)
            results[name] = [result] if "cannot" in result else [*results[name], result]
            in_words = f"cannot run: {result['cannot']}" if "cannot" in result else tell(result)
            print(f"{label} round {n + 1}/{n_rounds} {name}: {in_words}", file=sys.stderr)
    return results


def rates_of(results):
    """Rates by contestant, [rounds], by the clock and by processor time: what a busy machine does not slow."""
    return tuple({name: [result[key] for result in of_rounds] for name, of_rounds in results.items()}
                 for key in ("per_s", "per_cpu_s"))


def spread(values, form):
    return f"{statistics.median(values):{form}} ({min(values):{form}}-{max(values):{form}})"


def ratios(rates, ours, peers):
    """Our rate over the best of the peers', round by round."""
    return [rate / max(rates[peer][n] for peer in peers) for n, rate in enumerate(rates[ours])]


def processor():
    try:
        for line in open("/proc/cpuinfo"):
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine():
    return f"{processor()}, {os.cpu_count()} cores"


def write(args, figures):
    """Writes `figures` to the JSON file, whole or not at all, with when and where they were measured."""
    output = pathlib.Path(args.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(output.name + ".new")
    unfinished.write_text(json.dumps({
        **figures, "when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(), "load_at_start": args.load,
    }, indent=2) + "\n")
    unfinished.replace(output)


def report(args, what, table, figures):
    """Prints `table` under a line that says what was measured, and writes `figures` to the JSON file."""
    print(f"{what}, {args.rounds} rounds, on {machine()}; load at the start {args.load:.1f}\n\n{table}")
    write(args, figures)
    print(f"\nwritten: {args.output}", file=sys.stderr)
