"""What every Python contestant of bench/run shares: the command line, the data, what is printed (in C++:
bench/training/stopwatch.h)."""

import argparse
import csv
import gzip
import json
import pathlib

import numpy as np

import stopwatch

DIGITS = pathlib.Path(__file__).parents[2] / "models" / "data" / "digits.csv.gz"


def parse(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--width", type=int, default=64, help="units of each of the two hidden layers")
    parser.add_argument("--trials", type=int, default=256, help="trials that train at the same time")
    parser.add_argument("--batch-size", type=int, default=64, help="examples a step")
    parser.add_argument("--min-seconds", type=float, default=2, help="time whole epochs until so much has gone by")
    parser.add_argument("--chunk", type=int, default=0, help="trials in one vmap; 0: all, which is the idiom")
    args = parser.parse_args()
    args.chunk = args.chunk or args.trials
    if args.trials % args.chunk:
        parser.error("--chunk must divide --trials")
    return args


def digits():
    """Standardised training and validation parts, 60 and 20 percent of each class: as many rows as Lockstep takes."""
    with gzip.open(DIGITS, "rt") as file:
        rows = np.array(list(csv.reader(file))[1:], dtype=np.float32)
    x, y = rows[:, :-1], rows[:, -1].astype(np.int64)
    train, validation = [], []
    for label in range(10):
        of_class = np.flatnonzero(y == label)
        n = int(np.floor(len(of_class) * 0.2 + 0.5))
        validation.extend(of_class[:n])
        train.extend(of_class[2 * n :])
    std = x[train].std(0)
    x = (x - x[train].mean(0)) / np.where(std > 0, std, 1)
    return x[train], y[train], x[validation], y[validation]


def learning_rates(n_trials):
    return np.exp(np.linspace(-7, -2.3, n_trials)).astype(np.float32)


def time_epochs(args, epoch):
    """Runs epoch(), which trains and validates every trial once: first to compile, then for the time asked."""
    best = 0.0

    def validated():
        nonlocal best
        best = max(best, epoch())

    epochs_per_s, _ = stopwatch.repeat(args.min_seconds, validated)
    print(json.dumps({"trial_epochs_per_s": args.trials * epochs_per_s, "best_validation_accuracy": float(best)}))
