"""Optuna's TPE as the sampler of a sweep that bench_sweep trains: asked and told over standard input and output, a JSON
document a line (bench/bayesian/sweep.cpp). constant_liar, as trials run side by side; what a trial reported is told with
it, so that TPE can rank those that were pruned."""

import json
import math
import sys

import optuna


def main():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    begin = json.loads(sys.stdin.readline())
    distributions = {name: optuna.distributions.json_to_distribution(json.dumps(begin["parameters"][name]))
                     for name in begin["names"]}
    study = optuna.create_study(direction="maximize" if begin["maximize"] else "minimize",
                                sampler=optuna.samplers.TPESampler(seed=begin["seed"], constant_liar=True))
    best = max if begin["maximize"] else min
    trials = []
    for line in sys.stdin:
        message = json.loads(line)
        if "ask" in message:
            rows = []
            for _ in range(message["ask"]):
                trials.append(study.ask(distributions))
                rows.append([float(distribution.to_internal_repr(trials[-1].params[name]))
                             for name, distribution in distributions.items()])
            print(json.dumps(rows), flush=True)
            continue
        trial, state = trials[message["tell"]], message["state"]
        reports = [report for report in message["reports"] if report is not None and math.isfinite(report)]
        for step, report in enumerate(reports, 1):
            trial.report(report, step)
        if state == "COMPLETE" and reports:
            study.tell(trial, best(reports))
        else:
            study.tell(trial, state=optuna.trial.TrialState[state if reports else "FAIL"])


if __name__ == "__main__":
    main()
