"""Random sampling of bench/sampling's space by Optuna's RandomSampler: a study in memory that is asked for trials."""

import argparse

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

import stopwatch

SPACE = {
    "dropout": FloatDistribution(0, 1, step=0.05),
    "lr": FloatDistribution(1.234e-4, 0.1353, log=True),
    "shift": FloatDistribution(-3, 5),  # Optuna has no normal distribution
    "units": IntDistribution(1, 512),
    "activation": CategoricalDistribution(["relu", "tanh", "gelu", "silu", "elu"]),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--min-seconds", type=float, default=0.5)
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def draw():
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=7))
        for _ in range(args.trials):
            study.ask(SPACE)

    stopwatch.print_rates(stopwatch.repeat(args.min_seconds, draw), args.trials)


if __name__ == "__main__":
    main()
