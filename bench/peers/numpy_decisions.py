"""Early termination as numpy does it best: whole columns in place, the trials that still run kept contiguous.

Trials start together, so equal age is the same interval for all. Nothing is kept but each trial's best and average, and
nothing is logged but who stops.
"""

import argparse
import json

import numpy as np

import stopwatch


def make_curves(path, n_trials, n_intervals):
    """Learning curves that saturate at a level of their own, with noise: [n_intervals, n_trials] double, raw."""
    generator = np.random.default_rng(7)
    level = generator.uniform(0.5, 1, n_trials)
    pace = generator.uniform(5, 40, n_trials)
    with open(path, "wb") as file:
        for n in range(1, n_intervals + 1):
            noise = generator.normal(0, 0.01, n_trials)
            (level * (1 - np.exp(-n / pace)) + noise).tofile(file)


class Sweep:
    """The trials that run are [0, n_running) of each column; those that ended are behind them."""

    def __init__(self, curves, policy):
        self.curves = curves
        self.policy = policy
        n_trials = curves.shape[1]
        self.row = np.arange(n_trials)
        self.best = np.full(n_trials, -np.inf)
        self.mean = np.zeros(n_trials)
        self.scratch = np.empty(n_trials)
        self.n_running = n_trials
        self.needs_mean = policy["type"] == "median_stopping"
        self.judge = {"none": None, "median_stopping": self.median_stopping, "bandit": self.bandit,
                      "truncation_selection": self.truncation_selection}[policy["type"]]

    def run(self):
        """Returns how many decisions were taken."""
        n_decisions = 0
        for n in range(1, len(self.curves) + 1):
            n_decisions += self.n_running
            metric = self.record(n)
            stop = np.zeros(self.n_running, bool)
            if not np.isfinite(metric.sum()):
                stop |= ~np.isfinite(metric)
            if self.judge and n >= self.policy.get("delay_evaluation", 0) and n < len(self.curves):
                stop |= self.judge(self.best[:self.n_running])
            if stop.any():
                self.end(stop)
        return n_decisions

    def record(self, n):
        k = self.n_running
        metric = self.curves[n - 1]
        if k < len(metric):
            metric = metric[self.row[:k]]
        np.maximum(self.best[:k], metric, out=self.best[:k])
        if self.needs_mean:
            change = np.subtract(metric, self.mean[:k], out=self.scratch[:k])
            change /= n
            self.mean[:k] += change
        return metric

    def end(self, stop):
        """Moves those that stop behind those that go on."""
        k = self.n_running
        keep = ~stop
        for column in (self.row, self.best) + ((self.mean,) if self.needs_mean else ()):
            ended = column[:k][stop]
            kept = column[:k][keep]
            column[:len(kept)] = kept
            column[len(kept):k] = ended
        self.n_running = int(np.count_nonzero(keep))

    def selected(self, values, rank):
        """The value of that rank; those below it are then in front of it in scratch."""
        pool = self.scratch[:len(values)]
        pool[:] = values
        pool.partition(rank)
        return pool[rank]

    def median_stopping(self, best):
        n = len(self.mean)
        median = self.selected(self.mean, n // 2)
        if n % 2 == 0:
            median = 0.5 * self.scratch[:n // 2].max() + 0.5 * median
        return best < median

    def bandit(self, best):
        return best < best.max() / (1 + self.policy["slack_factor"])

    def truncation_selection(self, best):
        n_lowest = len(best) * self.policy["truncation_percentage"] // 100
        return best < self.selected(best, n_lowest)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", required=True, help="raw doubles [intervals, trials]")
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--intervals", type=int, default=100)
    parser.add_argument("--make-curves", action="store_true", help="write that file and time nothing")
    parser.add_argument("--policy", type=json.loads, default={"type": "none"}, help="early_termination as JSON")
    parser.add_argument("--min-seconds", type=float, default=0.5)
    args = parser.parse_args()
    if args.make_curves:
        return make_curves(args.curves, args.trials, args.intervals)
    curves = np.fromfile(args.curves).reshape(args.intervals, args.trials)
    n_decisions = Sweep(curves, args.policy).run()
    stopwatch.print_rates(stopwatch.repeat(args.min_seconds, lambda: Sweep(curves, args.policy).run()), n_decisions)


if __name__ == "__main__":
    main()
