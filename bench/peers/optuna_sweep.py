#!/usr/bin/env python3
"""The sweep of bench/sweep/digits.yml by Optuna and PyTorch: a process a core, a thread each, which share a study."""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

BATCH_SIZE, EPOCHS, FIRST_JUDGED = 64, 20, 5


def study_of(journal, seed):
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        study_name="digits", storage=JournalStorage(JournalFileBackend(journal)), direction="maximize",
        load_if_exists=True, sampler=optuna.samplers.RandomSampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=FIRST_JUDGED, interval_steps=1))


def work(args):
    """Trains this process's share of the trials and prints what the parent adds up."""
    import numpy as np
    import optuna
    import torch

    import contest

    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    parts = (np.loadtxt(args.data / f"{part}.csv", np.float32, delimiter=",", skiprows=1)
             for part in ("train", "validation"))
    x, y, validation_x, validation_y = (torch.from_numpy(a) for a in contest.standardised(*parts))
    bests, n_epochs = [], 0

    def objective(trial):
        nonlocal n_epochs
        lr = trial.suggest_float("lr", math.exp(-9), math.exp(-2), log=True)
        momentum = trial.suggest_float("momentum", 0.5, 0.98)
        model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64),
                                    torch.nn.ReLU(), torch.nn.Linear(64, 10))
        optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
        best = 0.0
        for epoch in range(1, EPOCHS + 1):
            for rows in torch.randperm(len(x)).split(BATCH_SIZE):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
                optimizer.step()
            with torch.no_grad():
                accuracy = (model(validation_x).argmax(1) == validation_y).float().mean().item()
            n_epochs += 1
            best = max(best, accuracy)
            if not bests or accuracy > bests[-1][1]:
                bests.append((time.time() - args.began, accuracy))
            trial.report(accuracy, epoch)
            if epoch < EPOCHS and trial.should_prune():
                raise optuna.TrialPruned
        return best

    study_of(args.journal, args.seed).optimize(objective, n_trials=args.trials)
    print(json.dumps({"bests": bests, "epochs": n_epochs}))


def run_workers(args, journal):
    n_workers = len(os.sched_getaffinity(0))
    shares = [args.trials // n_workers + (i < args.trials % n_workers) for i in range(n_workers)]
    command = [sys.executable, __file__, "--data", args.data, "--journal", journal,
               "--began", str(args.began)]
    workers = [subprocess.Popen([*command, "--trials", str(share), "--seed", str(args.seed * n_workers + i)],
                                stdout=subprocess.PIPE, text=True)
               for i, share in enumerate(shares)]
    results = [json.loads(worker.communicate()[0].splitlines()[-1]) for worker in workers]
    improved = []
    for seconds, accuracy in sorted(each for result in results for each in result["bests"]):
        if not improved or accuracy > improved[-1][1]:
            improved.append((seconds, accuracy))
    return improved, sum(result["epochs"] for result in results)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of train.csv and validation.csv")
    parser.add_argument("--began", type=float, default=time.time(), help="when the command began, seconds since 1970")
    parser.add_argument("--journal", help="work on the study of this file")
    args = parser.parse_args()
    if args.journal:
        return work(args)
    with tempfile.TemporaryDirectory() as folder:
        journal = str(pathlib.Path(folder) / "journal.log")
        study_of(journal, args.seed)
        bests, n_epochs = run_workers(args, journal)
        states = [trial.state.name for trial in study_of(journal, args.seed).get_trials(deepcopy=False)]
    if len(states) != args.trials:
        sys.exit(f"{len(states)} of {args.trials} trials were trained")
    print(json.dumps({"best": bests[-1][1], "epochs": n_epochs, "pruned": states.count("PRUNED"), "bests": bests}))


if __name__ == "__main__":
    main()
