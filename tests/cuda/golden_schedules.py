#!/usr/bin/env python3
"""Writes golden_schedules.csv: learning rates and momenta of PyTorch's schedulers, step by step.

Columns: the fields of LearningRateSchedule, the row's learning rate, steps per epoch, epochs, the step (from 0), and what
PyTorch has there. Momentum is empty where the schedule does not cycle it.
Usage (needs PyTorch; made with 2.15): python3 golden_schedules.py > golden_schedules.csv
"""
import warnings

import torch
from torch.optim import lr_scheduler

warnings.simplefilter("ignore")
CONSTANT, STEP, COSINE, ONE_CYCLE = range(4)
FIELDS = {"kind": CONSTANT, "step_size": 1.0, "gamma": 0.1, "eta_min": 0.0, "max_lr": float("nan"), "pct_start": 0.3,
          "div_factor": 25.0, "final_div_factor": 1e4, "cycle_momentum": 1, "base_momentum": 0.85, "max_momentum": 0.95,
          "warmup_epochs": 0.0, "warmup_factor": 1.0 / 3}
# Changes of the defaults, learning rate, steps per epoch, epochs.
CASES = [
    ({"warmup_epochs": 1.5, "warmup_factor": 0.1}, 0.1, 6, 3),
    ({"kind": STEP, "step_size": 2, "gamma": 0.5}, 0.4, 7, 9),
    ({"kind": STEP, "step_size": 0.5, "warmup_epochs": 2}, 0.01, 8, 5),
    ({"kind": COSINE}, 0.3, 5, 6),
    ({"kind": COSINE, "eta_min": 0.02, "warmup_epochs": 0.5}, 0.3, 9, 4),
    ({"kind": ONE_CYCLE}, 0.1, 10, 5),
    ({"kind": ONE_CYCLE, "max_lr": 0.7, "pct_start": 0.55, "div_factor": 10, "final_div_factor": 100,
      "base_momentum": 0.6, "max_momentum": 0.99}, 0.1, 7, 5),
    ({"kind": ONE_CYCLE, "pct_start": 0.01, "cycle_momentum": 0}, 0.2, 5, 4),
    ({"kind": ONE_CYCLE, "max_lr": 0.5, "warmup_epochs": 1}, 0.1, 6, 5),
]


def schedule(case, optimizer, n_steps, steps_per_epoch):
    """The scheduler, and how many of the steps are warm-up."""
    n_warmup = round(case["warmup_epochs"] * steps_per_epoch)
    n = n_steps - n_warmup
    if case["kind"] == CONSTANT:
        main = lr_scheduler.ConstantLR(optimizer, factor=1.0)
    elif case["kind"] == STEP:
        main = lr_scheduler.StepLR(optimizer, round(case["step_size"] * steps_per_epoch), case["gamma"])
    elif case["kind"] == COSINE:
        main = lr_scheduler.CosineAnnealingLR(optimizer, n, case["eta_min"])
    else:
        main = lr_scheduler.OneCycleLR(
            optimizer, optimizer.defaults["lr"] if case["max_lr"] != case["max_lr"] else case["max_lr"], total_steps=n,
            pct_start=case["pct_start"], div_factor=case["div_factor"], final_div_factor=case["final_div_factor"],
            cycle_momentum=bool(case["cycle_momentum"]), base_momentum=case["base_momentum"],
            max_momentum=case["max_momentum"])
    if n_warmup == 0:
        return main
    warmup = lr_scheduler.LinearLR(optimizer, case["warmup_factor"], 1.0, n_warmup)
    return lr_scheduler.SequentialLR(optimizer, [warmup, main], [n_warmup])


print(",".join([*FIELDS, "lr", "steps_per_epoch", "n_epochs", "step", "rate", "momentum"]))
for changes, lr, steps_per_epoch, n_epochs in CASES:
    case = {**FIELDS, **changes}
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr, momentum=0.5)
    n_steps = steps_per_epoch * n_epochs
    scheduler = schedule(case, optimizer, n_steps, steps_per_epoch)
    for step in range(n_steps):
        group = optimizer.param_groups[0]
        momentum = repr(group["momentum"]) if case["kind"] == ONE_CYCLE and case["cycle_momentum"] else ""
        print(",".join([*(repr(value) for value in case.values()), repr(lr), repr(steps_per_epoch), repr(n_epochs),
                        repr(step), repr(float(group["lr"])), momentum]))
        optimizer.step()
        if step + 1 < n_steps:
            scheduler.step()
