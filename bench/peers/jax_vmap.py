#!/usr/bin/env python3
"""jax: one jitted epoch, a vmap over trials of a lax.scan over batches; SGD with momentum or Adam as tree maps."""

import os
import sys

os.environ["JAX_PLATFORMS"] = "cuda" if "cuda" in sys.argv else "cpu"

import jax
import jax.numpy as jnp
import numpy as np

import contest
import jax_models


def sgd():
    def init(parameters):
        return jax.tree.map(jnp.zeros_like, parameters)

    def update(parameters, momenta, gradients, lr):
        momenta = jax.tree.map(lambda m, g: contest.MOMENTUM * m + g, momenta, gradients)
        return jax.tree.map(lambda p, m: p - lr * m, parameters, momenta), momenta

    return init, update


def adam():
    def init(parameters):
        return jax.tree.map(jnp.zeros_like, parameters), jax.tree.map(jnp.zeros_like, parameters), jnp.zeros(())

    def update(parameters, moments, gradients, lr):
        first, second, n = moments
        n = n + 1
        first = jax.tree.map(lambda m, g: 0.9 * m + (1 - 0.9) * g, first, gradients)
        second = jax.tree.map(lambda v, g: 0.999 * v + (1 - 0.999) * g * g, second, gradients)
        rate, correction = lr / (1 - 0.9**n), (1 - 0.999**n) ** -0.5
        parameters = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) * correction + 1e-8),
                                  parameters, first, second)
        return parameters, (first, second, n)

    return init, update


def main():
    args = contest.parse(__doc__)
    jax.config.update("jax_default_matmul_precision", "float32")  # on a GPU it would be TensorFloat-32
    x, y, validation_x, validation_y = (jnp.asarray(a) for a in contest.data(args))
    if x.ndim == 4:  # images: XLA's processor code wants channels last
        x, validation_x = x.transpose(0, 2, 3, 1), validation_x.transpose(0, 2, 3, 1)
    rates = contest.learning_rates(args)
    init_model, apply = jax_models.model(args)
    init_optimizer, update = adam() if args.adam else sgd()

    def init(key):
        parameters, state = init_model(key)
        return parameters, state, init_optimizer(parameters)

    def loss(parameters, state, inputs, targets):
        output, state = apply(parameters, state, inputs, True)
        of_targets = jnp.take_along_axis(jax.nn.log_softmax(output), targets[..., None], axis=-1)
        return -of_targets.mean(), state

    def step(trial, lr, inputs, targets):
        parameters, state, moments = trial
        gradients, state = jax.grad(loss, has_aux=True)(parameters, state, inputs, targets)
        parameters, moments = update(parameters, moments, gradients, lr)
        return parameters, state, moments

    n_full = len(x) // args.batch_size
    full = n_full * args.batch_size

    def train(trial, lr, order):
        def body(carry, rows):
            return step(carry, lr, x[rows], y[rows]), None

        trial, _ = jax.lax.scan(body, trial, order[:full].reshape(n_full, args.batch_size),
                                unroll=args.convolution == "lax")
        if full < len(x):  # the last, smaller batch
            trial = step(trial, lr, x[order[full:]], y[order[full:]])
        output, _ = apply(trial[0], trial[1], validation_x, False)
        return trial, (output.argmax(-1) == validation_y).mean()

    population_epoch = jax.jit(jax.vmap(train, in_axes=(0, 0, None)), donate_argnums=0)
    chunks = []
    for begin in range(0, args.trials, args.chunk):
        trials = jax.vmap(init)(jax.random.split(jax.random.key(begin), args.chunk))
        chunks.append([trials, jnp.asarray(rates[begin : begin + args.chunk])])
    generator = np.random.default_rng(1)

    def epoch():
        order = jnp.asarray(generator.permutation(len(x)))
        best = 0.0
        for chunk in chunks:
            chunk[0], accuracy = population_epoch(*chunk, order)
            best = max(best, float(accuracy.max()))
        return best

    contest.time_epochs(args, epoch)


if __name__ == "__main__":
    main()
