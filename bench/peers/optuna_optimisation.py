"""Optuna's samplers on the functions of bench/bayesian/run: ask q times, tell q times, a study in memory.

TPE has constant_liar, for which pending trials count as bad ones; it looks at all parameters together (multivariate) where
q is 1, and at each by itself in batches: what was better on other seeds. The GP sampler is told that the objective is
deterministic. A trial that failed is told as FAIL.
"""

import warnings

import optuna

import optimisation


def add_arguments(parser):
    parser.add_argument("--sampler", choices=("tpe", "gp", "random"), default="tpe")


def sampler_of(args, seed):
    if args.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    startup = {"n_startup_trials": args.startup} if args.startup else {}
    if args.sampler == "gp":
        return optuna.samplers.GPSampler(seed=seed, deterministic_objective=True, **startup)
    return optuna.samplers.TPESampler(seed=seed, multivariate=args.q == 1, constant_liar=True, **startup)


def suggest(trial, name, parameter):
    if parameter.n_values:
        return trial.suggest_categorical(name, range(parameter.n_values))
    if parameter.step == 1:
        return trial.suggest_int(name, parameter.low, parameter.high)
    return trial.suggest_float(name, parameter.low, parameter.high, log=parameter.log, step=parameter.step)


class Study:
    def __init__(self, args, seed):
        self.function = optimisation.FUNCTIONS[args.function]
        self.study = optuna.create_study(sampler=sampler_of(args, seed))

    def ask(self, q):
        batch = []
        self.trials = []
        for _ in range(q):
            trial = self.study.ask()
            batch.append([suggest(trial, f"x{i}", parameter) for i, parameter in enumerate(self.function.parameters)])
            self.trials.append(trial)
        return batch

    def tell(self, values):
        for trial, value in zip(self.trials, values):
            if value is None:
                self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                self.study.tell(trial, value)


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")  # that multivariate is experimental
    optimisation.main(__doc__, Study, add_arguments)
