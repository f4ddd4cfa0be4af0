"""Random sampling of bench/sampling's space as numpy does it best: each column whole."""

import argparse

import numpy as np

import stopwatch


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--min-seconds", type=float, default=0.5)
    args = parser.parse_args()
    n = args.trials
    generator = np.random.Generator(np.random.PCG64(7))

    def quantised_uniform():
        column = generator.random(n)
        column /= 0.05
        np.rint(column, out=column)
        column *= 0.05
        return column

    def log_uniform():
        column = generator.uniform(-9, -2, n)
        return np.exp(column, out=column)

    columns = [None] * 5

    def draw():
        columns[0] = quantised_uniform()
        columns[1] = log_uniform()
        columns[2] = generator.normal(1, 2, n)
        columns[3] = generator.integers(1, 512, n, endpoint=True)
        columns[4] = generator.integers(0, 5, n)  # an index into the values, as Lockstep draws it

    stopwatch.print_rates(stopwatch.repeat(args.min_seconds, draw), n)


if __name__ == "__main__":
    main()
