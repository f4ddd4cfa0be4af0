#!/usr/bin/env python3
"""torch.func: the trials' parameters stacked, one vmap over grad of functional_call, SGD with momentum on stacks."""

import copy

import torch
from torch.func import functional_call, grad, stack_module_state, vmap

import contest


def main():
    args = contest.parse(__doc__)
    torch.manual_seed(1)
    x, y, validation_x, validation_y = (torch.from_numpy(a) for a in contest.digits())
    rates = torch.from_numpy(contest.learning_rates(args.trials))

    def model():
        width = args.width
        return torch.nn.Sequential(torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Linear(width, width),
                                   torch.nn.ReLU(), torch.nn.Linear(width, 10))

    base = copy.deepcopy(model()).to("meta")

    def loss(parameters, inputs, targets):
        return torch.nn.functional.cross_entropy(functional_call(base, parameters, (inputs,)), targets)

    gradients = vmap(grad(loss), in_dims=(0, None, None))
    outputs = vmap(lambda parameters, inputs: functional_call(base, parameters, (inputs,)), in_dims=(0, None))

    chunks = []
    for begin in range(0, args.trials, args.chunk):
        parameters, _ = stack_module_state([model() for _ in range(args.chunk)])
        parameters = {name: p.detach() for name, p in parameters.items()}
        momenta = {name: torch.zeros_like(p) for name, p in parameters.items()}
        chunks.append((parameters, momenta, rates[begin : begin + args.chunk]))

    @torch.no_grad()
    def epoch():
        order = torch.randperm(len(x))
        best = 0.0
        for parameters, momenta, lr in chunks:
            for begin in range(0, len(x), args.batch_size):
                rows = order[begin : begin + args.batch_size]
                found = gradients(parameters, x[rows], y[rows])
                for name, p in parameters.items():
                    momenta[name].mul_(0.9).add_(found[name])
                    p.addcmul_(momenta[name], lr.view(-1, *[1] * (p.dim() - 1)), value=-1)
            accuracy = (outputs(parameters, validation_x).argmax(-1) == validation_y).float().mean(1)
            best = max(best, accuracy.max().item())
        return best

    contest.time_epochs(args, epoch)


if __name__ == "__main__":
    main()
