"""What every Python contestant of bench/run shares: the command line, the data, what is printed (in C++:
bench/training/stopwatch.h and workloads.h)."""

import argparse
import csv
import gzip
import json
import pathlib

import numpy as np

import stopwatch

ROOT = pathlib.Path(__file__).parents[2]
DIGITS = ROOT / "models" / "data" / "digits.csv.gz"
WORKLOADS = json.loads((ROOT / "bench" / "training" / "workloads.json").read_text())

CLASSES = 10
STEPS, FEATURES = 32, 16  # of a sequence
TOKENS, CONTEXT = 32, 32  # of a language
MOMENTUM = 0.9  # of the workloads that train with SGD


def parse(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--workload", choices=WORKLOADS, default="mlp", help="what to train (%(default)s)")
    parser.add_argument("--width", type=int, default=64, help="mlp: units of each of the two hidden layers")
    parser.add_argument("--trials", type=int, default=0, help="trials that train at the same time; 0: the workload's")
    parser.add_argument("--min-seconds", type=float, default=2, help="time whole epochs until so much has gone by")
    parser.add_argument("--chunk", type=int, default=0, help="trials in one vmap; 0: all, which is the idiom")
    parser.add_argument("--convolution", choices=("columns", "lax"), default="columns",
                        help="jax: images by matrix products of gathered columns in a lax.scan over batches, or by "
                             "lax.conv_general_dilated in an unrolled one (%(default)s)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to train (%(default)s)")
    args = parser.parse_args()
    workload = WORKLOADS[args.workload]
    args.trials = args.trials or workload["trials"]
    args.chunk = args.chunk or args.trials
    if args.trials % args.chunk:
        parser.error("--chunk must divide --trials")
    args.batch_size = workload["batch_size"]
    args.adam = workload["optimizer"] == "adam"
    return args


def data(args):
    """Training and validation inputs and targets. What is synthetic is of the same sizes and kinds as in C++."""
    if args.workload in ("mlp", "logistic"):
        return digits()
    sizes = WORKLOADS[args.workload]["train"], WORKLOADS[args.workload]["validation"]
    generator = np.random.default_rng(3)
    make = {"lenet": lambda n: noisy(image_templates(1, 28), n, generator),
            "resnet": lambda n: noisy(image_templates(3, 16), n, generator),
            "lstm": lambda n: noisy(sequence_templates(), n, generator),
            "gru": lambda n: noisy(sequence_templates(), n, generator),
            "transformer": lambda n: sentences(n, generator)}[args.workload]
    return *make(sizes[0]), *make(sizes[1])


def digits():
    """Standardised training and validation parts, 60 and 20 percent of each class: as many rows as Lockstep takes."""
    with gzip.open(DIGITS, "rt") as file:
        rows = np.array(list(csv.reader(file))[1:], dtype=np.float32)
    rows = np.random.default_rng(1).permutation(rows)  # writers follow each other
    train, validation = [], []
    for label in range(CLASSES):
        of_class = np.flatnonzero(rows[:, -1] == label)
        n = int(np.floor(len(of_class) * 0.2 + 0.5))
        validation.extend(of_class[:n])
        train.extend(of_class[2 * n :])
    return standardised(rows[train], rows[validation])


def standardised(train, validation):
    """Inputs and targets of both parts, whose last column is the target, by the training part's mean and deviation."""
    mean, std = train[:, :-1].mean(0), train[:, :-1].std(0)
    std = np.where(std > 0, std, 1)
    x, validation_x = ((part[:, :-1] - mean) / std for part in (train, validation))
    return x, train[:, -1].astype(np.int64), validation_x, validation[:, -1].astype(np.int64)


def noisy(templates, n, generator):
    """Examples of the classes, each its class's template with noise."""
    y = np.arange(n) % CLASSES
    return (templates[y] + 2 * generator.standard_normal((n, *templates.shape[1:]))).astype(np.float32), y


def image_templates(n_channels, side):
    """Random patterns of 4x4 pixels a dot."""
    dots = np.random.default_rng(5).standard_normal((CLASSES, n_channels, side // 4, side // 4))
    return dots.repeat(4, 2).repeat(4, 3)


def sequence_templates():
    return np.random.default_rng(5).standard_normal((CLASSES, STEPS // 8, FEATURES)).repeat(8, 1)


def sentences(n, generator):
    """A token is followed by the one that a permutation gives it, and sometimes by any."""
    follower = np.random.default_rng(5).permutation(TOKENS)
    tokens = generator.integers(TOKENS, size=(n, CONTEXT + 1))
    strays = generator.random((n, CONTEXT + 1)) < 0.2
    for i in range(1, CONTEXT + 1):
        tokens[:, i] = np.where(strays[:, i], tokens[:, i], follower[tokens[:, i - 1]])
    return tokens[:, :-1].copy(), tokens[:, 1:].copy()


def learning_rates(args):
    smallest, largest = WORKLOADS[args.workload]["lr"]
    return np.geomspace(smallest, largest, args.trials).astype(np.float32)


def time_epochs(args, epoch):
    """Runs epoch(), which trains and validates every trial once: first to compile, then for the time asked."""
    best = 0.0

    def validated():
        nonlocal best
        best = max(best, epoch())

    epochs_per_s, _ = stopwatch.repeat(args.min_seconds, validated)
    print(json.dumps({"trial_epochs_per_s": args.trials * epochs_per_s, "best_validation_accuracy": float(best)}))


def cannot(error):
    """Says that this peer cannot do the workload, with the first line of the error."""
    print(json.dumps({"cannot": (str(error).strip() or type(error).__name__).splitlines()[0][:160]}))
