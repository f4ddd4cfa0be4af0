#!/usr/bin/env python3
"""torch.func: the trials' parameters stacked, one vmap over grad of functional_call, SGD with momentum or Adam on the
stacks. Of the ways to write a model (torch_models.variants) the one that runs fastest is taken."""

import sys
import time
import warnings

import torch
from torch.func import functional_call, grad, stack_module_state, vmap

import contest
import torch_models


class Chunk:
    """Trials in one vmap: their parameters, buffers and optimiser state, stacked."""

    def __init__(self, make, rates, adam):
        self.base = make().to("meta")
        parameters, self.buffers = stack_module_state([make() for _ in rates])
        self.parameters = {name: p.detach() for name, p in parameters.items()}
        self.rates, self.adam, self.n_steps = rates, adam, 0
        self.first = {name: torch.zeros_like(p) for name, p in self.parameters.items()}
        self.second = {name: torch.zeros_like(p) for name, p in self.parameters.items()} if adam else {}
        self.gradients = vmap(grad(self.loss), in_dims=(0, 0, None, None))
        self.outputs = vmap(self.output, in_dims=(0, 0, None))

    def output(self, parameters, buffers, inputs):
        return functional_call(self.base, (parameters, buffers), (inputs,))

    def loss(self, parameters, buffers, inputs, targets):
        output = self.output(parameters, buffers, inputs)
        return torch.nn.functional.cross_entropy(output.flatten(0, -2), targets.flatten())

    def step(self, inputs, targets):
        self.n_steps += 1
        gradients = self.gradients(self.parameters, self.buffers, inputs, targets)
        update = self.step_adam if self.adam else self.step_sgd
        for name, p in self.parameters.items():
            update(name, p, gradients[name], self.rates.view(-1, *[1] * (p.dim() - 1)))

    def step_sgd(self, name, p, gradient, rate):
        p.addcmul_(self.first[name].mul_(contest.MOMENTUM).add_(gradient), rate, value=-1)

    def step_adam(self, name, p, gradient, rate):
        first = self.first[name].lerp_(gradient, 1 - 0.9)
        second = self.second[name].mul_(0.999).addcmul_(gradient, gradient, value=1 - 0.999)
        deviation = second.sqrt().div_((1 - 0.999**self.n_steps) ** 0.5).add_(1e-8)
        p.addcmul_(first / deviation, rate, value=-1 / (1 - 0.9**self.n_steps))

    def train(self, x, y, batches):
        self.base.train()
        for rows in batches:
            self.step(x[rows], y[rows])

    def best_accuracy(self, x, y):
        self.base.eval()
        right = self.outputs(self.parameters, self.buffers, x).argmax(-1) == y
        return right.float().flatten(1).mean(1).max().item()


def fastest(variants, rates, adam, x, y):
    """The variant whose training steps on one batch are the fastest. Raises the ordinary one's error when none runs."""
    seconds, errors = {}, []
    for name, make in variants.items():
        try:
            chunk = Chunk(make, rates, adam)
            chunk.best_accuracy(x, y)
            chunk.train(x, y, [slice(None)])
            chunk.best_accuracy(x, y)  # waits for a GPU
            begin = time.perf_counter()
            chunk.train(x, y, 2 * [slice(None)])
            chunk.best_accuracy(x, y)
            seconds[name] = time.perf_counter() - begin
        except (RuntimeError, NotImplementedError, ValueError) as error:
            errors.append(error)
            print(f"torch.func.vmap: {name} does not run: {str(error).splitlines()[0][:100]}", file=sys.stderr)
    if not seconds:
        raise errors[0]
    best = min(seconds, key=seconds.get)
    if len(variants) > 1:
        print(f"torch.func.vmap: {best} is the fastest of the model's variants that run", file=sys.stderr)
    return variants[best]


@torch.no_grad()
def main():
    args = contest.parse(__doc__)
    warnings.filterwarnings("ignore", message=".*performance drop.*")
    torch.manual_seed(1)
    torch.set_default_device(args.device)
    x, y, validation_x, validation_y = (torch.from_numpy(a).to(args.device) for a in contest.data(args))
    rates = torch.from_numpy(contest.learning_rates(args)).to(args.device).split(args.chunk)
    try:
        make = fastest(torch_models.variants(args), rates[0], args.adam, x[: args.batch_size], y[: args.batch_size])
    except (RuntimeError, NotImplementedError, ValueError) as error:
        return contest.cannot(error)
    chunks = [Chunk(make, of_chunk, args.adam) for of_chunk in rates]

    def epoch():
        batches = torch.randperm(len(x)).split(args.batch_size)
        best = 0.0
        for chunk in chunks:
            chunk.train(x, y, batches)
            best = max(best, chunk.best_accuracy(validation_x, validation_y))
        return best

    contest.time_epochs(args, epoch)


if __name__ == "__main__":
    main()
