"""Early termination as numpy does it best: whole columns in place, the trials that still run kept contiguous.

Trials start together, so equal age is the same interval for all. Nothing is kept but each trial's best and average, and
nothing is logged but who stops.
"""

import argparse
import json

import numpy as np

import stopwatch

ETA = 3  # reduction_factor


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
        self.judge = getattr(self, policy["type"])
        if policy["type"] == "hyperband":
            self.bracket, self.brackets = self.plan_brackets()
        if policy["type"] == "pbt":
            self.generator = np.random.default_rng(7)
            self.log_rate = self.generator.uniform(-9, -2, n_trials)

    def run(self):
        """Returns how many decisions were taken."""
        n_decisions = 0
        for n in range(1, len(self.curves) + 1):
            n_decisions += self.n_running
            metric = self.record(n)
            stop = None
            if n >= self.policy.get("delay_evaluation", 0) and n < len(self.curves):
                stop = self.judge(n, metric, self.best[:self.n_running])
            if not np.isfinite(metric.sum()):
                diverged = ~np.isfinite(metric)
                stop = diverged if stop is None else stop | diverged
            if stop is not None and stop.any():
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

    def none(self, n, metric, best):
        return None

    def median_stopping(self, interval, metric, best):
        n = len(self.mean)
        median = self.selected(self.mean, n // 2)
        if n % 2 == 0:
            median = 0.5 * self.scratch[:n // 2].max() + 0.5 * median
        return best < median

    def bandit(self, n, metric, best):
        return best < best.max() / (1 + self.policy["slack_factor"])

    def truncation_selection(self, n, metric, best):
        n_lowest = len(best) * self.policy["truncation_percentage"] // 100
        return best < self.selected(best, n_lowest)

    def rung(self, n, first=1):
        """Which rung the interval n is, from 0; -1: none."""
        at, k = first, 0
        while at < n:
            at, k = at * ETA, k + 1
        return k if at == n else -1

    def all_but_best(self, metric, n_kept):
        """Everybody but the best, of equal ones the first."""
        threshold = self.selected(metric, len(metric) - n_kept)
        stop = metric < threshold
        n_tied = n_kept - np.count_nonzero(metric > threshold)
        stop[np.flatnonzero(metric == threshold)[n_tied:]] = True
        return stop

    def successive_halving(self, n, metric, best):
        rung = self.rung(n)
        if rung < 0:
            return None
        return self.all_but_best(metric, max(1, self.curves.shape[1] // ETA ** (rung + 1)))

    def asha(self, n, metric, best):
        """All that come to a rung come at once, so those that have come are those that run."""
        return self.all_but_best(metric, max(1, len(metric) // ETA)) if self.rung(n) >= 0 else None

    def plan_brackets(self):
        """The bracket of each trial, and each bracket's size and first rung."""
        n_trials, longest = self.curves.shape[1], len(self.curves)
        s_max = 0
        while ETA ** (s_max + 1) <= longest:
            s_max += 1
        kinds = [(-(-(s_max + 1) * ETA ** s // (s + 1)), max(1, longest // ETA ** s)) for s in range(s_max, -1, -1)]
        size = np.resize([size for size, _ in kinds], n_trials)
        size = size[:np.searchsorted(np.cumsum(size), n_trials) + 1]
        size[-1] -= size.sum() - n_trials
        first = np.resize([first for _, first in kinds], len(size))
        return np.repeat(np.arange(len(size)), size), (size, first)

    def hyperband(self, n, metric, best):
        size, first = self.brackets
        rung_of = {f: self.rung(n, f) for f in np.unique(first).tolist()}
        if all(rung < 0 for rung in rung_of.values()):
            return None
        n_kept = size.copy()  # of a bracket that has no rung here
        for f, rung in rung_of.items():
            if rung >= 0:
                n_kept[first == f] = np.maximum(1, size[first == f] // ETA ** (rung + 1))
        bracket = self.bracket[self.row[:self.n_running]]
        order = np.lexsort((-metric, bracket))
        starts = np.searchsorted(bracket, np.arange(len(size)))  # rows, and so brackets, are in order
        place = np.arange(len(metric)) - starts[bracket]
        stop = np.empty(len(metric), bool)
        stop[order] = place >= n_kept[bracket]
        return stop

    def pbt(self, n, metric, best):
        k = len(metric) // 4
        order = np.argpartition(metric, (k, len(metric) - k))
        worst, source = order[:k], self.generator.choice(order[-k:], k)
        factor = np.where(self.generator.random(k) < 0.5, np.log(0.8), np.log(1.2))
        explored = np.clip(self.log_rate[source] + factor, -9, -2)
        fresh = self.generator.uniform(-9, -2, k)
        self.log_rate[worst] = np.where(self.generator.random(k) < 0.25, fresh, explored)
        return None


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
