"""Early termination as numpy does it best: whole columns in place, the trials that still run kept contiguous.

Sweep takes it that trials start together, so that equal age is the same interval for all. Nothing is kept but each trial's
best and average, and nothing is logged but who stops. SameJob (--same-job) takes trials of any age in slots of any order, as
Lockstep does: with the history that trials of other ages are compared by, states, a queue, and a log.
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


def rung(n, first=1):
    """Which rung the interval n is, from 0; -1: none."""
    at, k = first, 0
    while at < n:
        at, k = at * ETA, k + 1
    return k if at == n else -1


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

    def all_but_best(self, metric, n_kept):
        """Everybody but the best, of equal ones the first."""
        threshold = self.selected(metric, len(metric) - n_kept)
        stop = metric < threshold
        n_tied = n_kept - np.count_nonzero(metric > threshold)
        stop[np.flatnonzero(metric == threshold)[n_tied:]] = True
        return stop

    def successive_halving(self, n, metric, best):
        at = rung(n)
        return self.all_but_best(metric, max(1, self.curves.shape[1] // ETA ** (at + 1))) if at >= 0 else None

    def asha(self, n, metric, best):
        """All that come to a rung come at once, so those that have come are those that run."""
        return self.all_but_best(metric, max(1, len(metric) // ETA)) if rung(n) >= 0 else None

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
        rung_of = {f: rung(n, f) for f in np.unique(first).tolist()}
        if all(at < 0 for at in rung_of.values()):
            return None
        n_kept = size.copy()  # of a bracket that has no rung here
        for f, at in rung_of.items():
            if at >= 0:
                n_kept[first == f] = np.maximum(1, size[first == f] // ETA ** (at + 1))
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


class SameJob:
    """The decision pass with everything that it keeps: matrices [n_intervals, n_trials], columns by trial, slots, a log."""

    WAITING, RUNNING, STOPPED, FINISHED, DIVERGED = range(5)
    MEMORY = []  # of the history, kept from one sweep to the next: taking it costs numpy more than all the rest

    def __init__(self, curves, policy):
        self.curves = curves
        self.policy = policy
        self.longest, self.n_trials = curves.shape
        kind = policy["type"]
        matrix = {"median_stopping": "mean", "bandit": "best", "truncation_selection": "best", "asha": "score"}.get(kind)
        if matrix and not self.MEMORY:
            self.MEMORY.append(np.empty(curves.shape))
        self.history = {matrix: self.MEMORY[0]} if matrix else {}
        self.last_best = np.full(self.n_trials, -np.inf)
        self.last_mean = np.zeros(self.n_trials) if matrix == "mean" else None
        self.n_reported = np.zeros(self.n_trials, np.int32)
        self.n_intervals = np.full(self.n_trials, self.longest, np.int32)
        self.state = np.full(self.n_trials, self.WAITING, np.uint8)
        self.slot_trial = np.full(self.n_trials, -1, np.int64)
        self.next_trial = self.n_new = 0
        self.n_at_age = np.zeros(self.longest + 2, np.int64)
        self.log = []  # of each interval: who reported what and when, and of those that change what was decided and why
        self.judge = getattr(self, kind)
        if kind in ("successive_halving", "hyperband"):
            plan = Sweep(curves, {"type": "hyperband"})
            self.bracket, (self.size, self.first) = plan.bracket, plan.brackets
            if kind == "successive_halving":
                self.bracket = np.zeros(self.n_trials, np.int64)
                self.size, self.first = np.array([self.n_trials]), np.array([1])
        if kind == "pbt":
            self.generator = np.random.default_rng(7)
            self.log_rate = self.generator.uniform(-9, -2, self.n_trials)

    def run(self):
        self.refill()
        return sum(self.decide(metrics) for metrics in self.curves)

    def decide(self, metrics):
        """`metrics` by slot."""
        trial, metric = self.trial, metrics[self.slots]
        age, value, diverged = self.record(metric)
        decision, threshold = np.zeros(len(trial), np.uint8), np.zeros(len(trial))
        self.n_at_age[1:] = self.n_at_age[:-1].copy()  # that have reported so often
        self.n_at_age[1], self.n_new = self.n_new, 0
        ages = np.flatnonzero(self.n_at_age).tolist()
        for n in ages:
            if n < self.policy.get("delay_evaluation", 0) or n >= self.longest:
                continue
            of_age = slice(None) if len(ages) == 1 else age == n
            judged = self.judge(n, trial[of_age], metric[of_age], value[of_age])
            if judged:
                decision[of_age] = judged[0] * np.uint8(self.STOPPED)
                threshold[of_age] = judged[1]
        at_end = age >= self.n_intervals[self.rows]
        if at_end.any():
            decision[at_end] = self.FINISHED
        if diverged is not None:
            decision[diverged] = self.DIVERGED
        ended = np.flatnonzero(decision)
        self.log.append((trial, age, metric, ended, decision[ended], value[ended], threshold[ended]))
        if len(ended):
            self.state[trial[ended]] = decision[ended]
            self.slot_trial[np.arange(self.n_trials)[self.slots][ended]] = -1
            self.n_at_age -= np.bincount(age[ended], minlength=len(self.n_at_age))
            self.refill()
        return len(trial)

    def refill(self):
        if self.next_trial < self.n_trials:
            free = np.flatnonzero(self.slot_trial < 0)[:self.n_trials - self.next_trial]
            rows = np.arange(self.next_trial, self.next_trial + len(free))
            self.slot_trial[free] = rows
            self.state[rows] = self.RUNNING
            self.next_trial += len(rows)
            self.n_new = len(rows)
        slots = np.flatnonzero(self.slot_trial >= 0)
        self.trial = self.slot_trial[slots]
        self.slots, self.rows = self.as_slice(slots), self.as_slice(self.trial)

    @staticmethod
    def as_slice(index):
        """Neighbours as a slice, which numpy does not copy."""
        if len(index) and index[-1] - index[0] + 1 == len(index) and (np.diff(index) == 1).all():
            return slice(index[0], index[-1] + 1)
        return index

    def record(self, metric):
        score, diverged = metric, None
        if not np.isfinite(metric.sum()):
            diverged = ~np.isfinite(metric)
            score = np.where(diverged, -np.inf, metric)
            self.state[self.trial[diverged]] = self.DIVERGED
        rows = self.rows
        before = self.n_reported[rows]
        age = before + 1
        best = np.maximum(self.last_best[rows], score)
        self.last_best[rows] = best
        self.n_reported[rows] = age
        kept = {"best": best, "score": score}
        if self.last_mean is not None:
            mean = self.last_mean[rows].copy()
            mean += (score - mean) / age
            self.last_mean[rows] = kept["mean"] = mean
        for name, matrix in self.history.items():
            ages = np.flatnonzero(self.n_at_age)
            if len(ages) + (self.n_new > 0) == 1:  # all are of one age
                matrix[age[0] - 1, rows] = kept[name]
            else:
                matrix[before, self.trial] = kept[name]
        return age, best, diverged

    def best_at(self, n):
        reached = self.n_reported >= n
        best = self.history["best"][n - 1][reached]
        best[self.state[reached] == self.DIVERGED] = -np.inf
        return best

    def none(self, n, trial, metric, best):
        return None

    def median_stopping(self, n, trial, metric, best):
        counts = (self.n_reported >= n) | (self.state >= self.STOPPED)
        mean = np.where(self.n_reported > n, self.history["mean"][n - 1], self.last_mean)[counts]
        upper = len(mean) // 2
        mean.partition(upper)
        median = mean[upper] if len(mean) % 2 else 0.5 * mean[:upper].max() + 0.5 * mean[upper]
        return best < median, median

    def bandit(self, n, trial, metric, best):
        limit = self.best_at(n).max() / (1 + self.policy["slack_factor"])
        return best < limit, limit

    def truncation_selection(self, n, trial, metric, best):
        compared = self.best_at(n)
        n_lowest = len(compared) * self.policy["truncation_percentage"] // 100
        compared.partition(n_lowest)
        return best < compared[n_lowest], compared[n_lowest]

    def asha(self, n, trial, metric, best):
        if rung(n) < 0:
            return None
        come = np.flatnonzero(self.n_reported >= n)
        score = self.history["score"][n - 1][come]
        n_kept = max(1, len(come) // ETA)
        limit = np.partition(score, len(score) - n_kept)[len(score) - n_kept]
        stop = np.zeros(self.n_trials, bool)
        stop[come[score < limit]] = True
        stop[come[score == limit][n_kept - np.count_nonzero(score > limit):]] = True
        return stop[trial], limit

    def successive_halving(self, n, trial, metric, best):
        rungs = self.rungs(n)
        bracket = self.bracket[trial]
        at_rung = np.flatnonzero(rungs[bracket] >= 0)
        if not len(at_rung):
            return None
        stop, limit = np.zeros(len(trial), bool), np.full(len(trial), np.nan)
        group, score = bracket[at_rung], metric[at_rung]
        n_kept = np.maximum(1, self.size // ETA ** (rungs + 1))
        if len(self.first) == 1:
            kept = min(n_kept[0], len(score))
            limit[:] = np.partition(score, len(score) - kept)[len(score) - kept]
            stop[:] = score < limit
            tied = np.flatnonzero(score == limit[0])
            stop[tied[np.argsort(trial[tied])][kept - np.count_nonzero(score > limit[0]):]] = True
            return stop, limit
        order = np.lexsort((trial[at_rung], -score, group))
        group = group[order]
        starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
        sizes = np.diff(np.r_[starts, len(group)])
        place = np.arange(len(group)) - np.repeat(starts, sizes)
        stop[at_rung[order]] = place >= n_kept[group]
        last = starts + np.minimum(n_kept[group[starts]], sizes) - 1
        limit[at_rung[order]] = np.repeat(score[order][last], sizes)
        return stop, limit

    hyperband = successive_halving

    def rungs(self, n):
        result = np.empty(len(self.first), np.int64)
        for first in np.unique(self.first).tolist():
            result[self.first == first] = rung(n, first)
        return result

    def pbt(self, n, trial, metric, best):
        k = len(metric) // 4
        order = np.argpartition(metric, (k, len(metric) - k))
        worst, source = trial[order[:k]], trial[self.generator.choice(order[-k:], k)]
        factor = np.where(self.generator.random(k) < 0.5, np.log(0.8), np.log(1.2))
        explored = np.clip(self.log_rate[source] + factor, -9, -2)
        resampled = self.generator.uniform(-9, -2, k)
        self.log_rate[worst] = np.where(self.generator.random(k) < 0.25, resampled, explored)
        self.log.append((worst, source, self.log_rate[worst], metric[order[k]]))
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", required=True, help="raw doubles [intervals, trials]")
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--intervals", type=int, default=100)
    parser.add_argument("--make-curves", action="store_true", help="write that file and time nothing")
    parser.add_argument("--policy", type=json.loads, default={"type": "none"}, help="early_termination as JSON")
    parser.add_argument("--same-job", action="store_true", help="with all that Lockstep keeps and logs")
    parser.add_argument("--min-seconds", type=float, default=0.5)
    args = parser.parse_args()
    if args.make_curves:
        return make_curves(args.curves, args.trials, args.intervals)
    curves = np.fromfile(args.curves).reshape(args.intervals, args.trials)
    contestant = SameJob if args.same_job else Sweep
    n_decisions = contestant(curves, args.policy).run()
    stopwatch.print_rates(stopwatch.repeat(args.min_seconds, lambda: contestant(curves, args.policy).run()), n_decisions)


if __name__ == "__main__":
    main()
