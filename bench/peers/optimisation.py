"""What every contestant of bench/bayesian/run shares: the functions, as src/cli/test_functions.cpp has them, the command
line, the rounds of asking, evaluating and telling, and what is printed.

A contestant is an object with
    ask(q)          the next q configurations, each a list with a value for every parameter of the function
    tell(values)    what those came to, in order; None: the evaluation failed
"""

import argparse
import dataclasses
import json
import math
import time
from typing import Callable

import numpy as np


@dataclasses.dataclass
class Parameter:
    """A number in [low, high], uniform, of a logarithmic scale or in steps; or a choice, an index below `n_values`."""

    low: float = 0
    high: float = 1
    log: bool = False
    step: float | None = None
    n_values: int = 0

    @property
    def continuous(self):
        return self.step is None and self.n_values == 0


@dataclasses.dataclass
class Function:
    parameters: list
    value: Callable
    least: float

    def box(self):
        """The lowest and highest values. Only of a function whose parameters are all uniform."""
        if any(parameter.log or not parameter.continuous for parameter in self.parameters):
            return None
        return (np.array([parameter.low for parameter in self.parameters], float),
                np.array([parameter.high for parameter in self.parameters], float))


def branin(x):
    a = x[1] - 5.1 / (4 * math.pi**2) * x[0] ** 2 + 5 / math.pi * x[0] - 6
    return a * a + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x[0]) + 10


HARTMANN_WEIGHTS = np.array([1.0, 1.2, 3.0, 3.2])
HARTMANN_SLOPES = np.array([[10, 3, 17, 3.5, 1.7, 8], [.05, 10, 17, .1, 8, 14], [3, 3.5, 1.7, 10, 17, 8],
                            [17, 8, .05, 10, .1, 14]])
HARTMANN_CENTRES = np.array([[.1312, .1696, .5569, .0124, .8283, .5886], [.2329, .4135, .8307, .3736, .1004, .9991],
                             [.2348, .1451, .3522, .2883, .3047, .6650], [.4047, .8828, .8732, .5743, .1091, .0381]])


def hartmann6(x):
    squares = (HARTMANN_SLOPES * (np.asarray(x) - HARTMANN_CENTRES) ** 2).sum(1)
    return -float(HARTMANN_WEIGHTS @ np.exp(-squares))


def ackley(x):
    x = np.asarray(x)
    return float(-20 * np.exp(-0.2 * np.sqrt(np.mean(x * x))) - np.exp(np.mean(np.cos(2 * math.pi * x))) + 20 + math.e)


def mixed(x):
    rate, depth, drop = (math.log(x[0]) + 5) / 2, (x[2] - 5) / 4, (x[3] - 0.3) / 0.3
    return rate**2 + (0.6, 0.25, 0.0, 0.9)[int(x[1])] + depth**2 + drop**2 + 0.5 * rate * depth


FUNCTIONS = {
    "branin": Function([Parameter(-5, 10), Parameter(0, 15)], branin, 0.39788735772973816),
    "hartmann6": Function([Parameter(0, 1)] * 6, hartmann6, -3.322368011415515),
    "ackley10": Function([Parameter(-5, 10)] * 10, ackley, 0.0),
    "ackley20": Function([Parameter(-5, 10)] * 20, ackley, 0.0),
    "mixed": Function([Parameter(math.exp(-10), 1, log=True), Parameter(n_values=4), Parameter(1, 12, step=1),
                       Parameter(0, 0.9, step=0.1)], mixed, 0.0),
}


def evaluation_fails(seed, trial, share):
    """Of all evaluations `share` fail, whatever is proposed: SplitMix64 from the seed on, as `lockstep optimize
    --failures` has it."""
    mask = 2**64 - 1
    bits = (seed + (trial + 1) * 0x9E3779B97F4A7C15) & mask
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & mask
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & mask
    return ((bits ^ (bits >> 31)) >> 11) * 2.0**-53 < share


def first_points(args):
    """How many configurations come before there is a model, where the contestant leaves that open: as Lockstep."""
    return args.startup or max(8, 2 * len(FUNCTIONS[args.function].parameters))


class Cube:
    """A contestant that sees the unit cube: `propose(q)` gives points [q, n_params], `observe(points, values)` takes
    what they came to."""

    def __init__(self, args):
        box = FUNCTIONS[args.function].box()
        if box is None or args.failures > 0:
            raise NotImplementedError("only a box without failures")
        self.low, self.high = box
        self.n_params = len(self.low)

    def ask(self, q):
        self.points = np.asarray(self.propose(q), float)
        return (self.low + (self.high - self.low) * self.points).tolist()

    def tell(self, values):
        self.observe(self.points, np.array(values))


def run(args, seed, contestant):
    """One optimisation. Evaluations are not timed."""
    function = FUNCTIONS[args.function]
    best, n_asked, trace, seconds = math.inf, 0, [], []
    for _ in range(args.rounds):
        begin = time.perf_counter()
        batch = contestant.ask(args.q)
        spent = time.perf_counter() - begin
        values = [None if evaluation_fails(seed, n_asked + i, args.failures) else function.value(x)
                  for i, x in enumerate(batch)]
        n_asked += args.q
        begin = time.perf_counter()
        contestant.tell(values)
        seconds.append(spent + time.perf_counter() - begin)
        best = min([best, *(value for value in values if value is not None)])
        trace.append(best - function.least if math.isfinite(best) else None)
    return {"seed": seed, "trace": trace, "seconds": sum(seconds), "seconds_of_rounds": seconds,
            **getattr(contestant, "figures", {})}


def main(description, make, add_arguments=None):
    """Runs the contestant `make(args, seed)` for every seed and prints a JSON line for each: the least regret after
    every round, and the seconds of asking and telling."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--function", choices=FUNCTIONS, required=True)
    parser.add_argument("--q", type=int, default=64, help="configurations at a time (%(default)s)")
    parser.add_argument("--rounds", type=int, default=10, help="how often (%(default)s)")
    parser.add_argument("--seed", type=int, nargs="+", default=[1], help="a run for each (%(default)s)")
    parser.add_argument("--startup", type=int, default=0,
                        help="configurations before there is a model; 0: the contestant's own number")
    parser.add_argument("--failures", type=float, default=0, help="share of the evaluations that fail (%(default)s)")
    if add_arguments:
        add_arguments(parser)
    args = parser.parse_args()
    for seed in args.seed:
        try:
            contestant = make(args, seed)
        except NotImplementedError as error:
            print(json.dumps({"cannot": str(error)}))
            return
        print(json.dumps(run(args, seed, contestant)), flush=True)
