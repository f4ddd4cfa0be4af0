#!/usr/bin/env python3
"""jax: one jitted epoch, a vmap over trials of a lax.scan over batches; SGD with momentum as a tree map."""

import os

os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np

import contest


def main():
    args = contest.parse(__doc__)
    x, y, validation_x, validation_y = (jnp.asarray(a) for a in contest.digits())
    rates = contest.learning_rates(args.trials)
    sizes = [64, args.width, args.width, 10]

    def init(key):
        layers = []
        for n_in, n_out in zip(sizes, sizes[1:]):
            key, a, b = jax.random.split(key, 3)
            bound = n_in**-0.5
            layers.append((jax.random.uniform(a, (n_in, n_out), minval=-bound, maxval=bound),
                           jax.random.uniform(b, (n_out,), minval=-bound, maxval=bound)))
        return layers

    def forward(layers, inputs):
        for w, b in layers[:-1]:
            inputs = jax.nn.relu(inputs @ w + b)
        w, b = layers[-1]
        return inputs @ w + b

    def loss(layers, inputs, targets):
        return -jnp.take_along_axis(jax.nn.log_softmax(forward(layers, inputs)), targets[:, None], axis=1).mean()

    def step(layers, momenta, lr, inputs, targets):
        gradients = jax.grad(loss)(layers, inputs, targets)
        momenta = jax.tree.map(lambda m, g: 0.9 * m + g, momenta, gradients)
        return jax.tree.map(lambda p, m: p - lr * m, layers, momenta), momenta

    n_full = len(x) // args.batch_size
    full = n_full * args.batch_size

    def train(layers, momenta, lr, order):
        def body(carry, rows):
            return step(*carry, lr, x[rows], y[rows]), None

        carry, _ = jax.lax.scan(body, (layers, momenta), order[:full].reshape(n_full, args.batch_size))
        if full < len(x):  # the last, smaller batch
            carry = step(*carry, lr, x[order[full:]], y[order[full:]])
        layers, momenta = carry
        accuracy = (forward(layers, validation_x).argmax(-1) == validation_y).mean()
        return layers, momenta, accuracy

    population_epoch = jax.jit(jax.vmap(train, in_axes=(0, 0, 0, None)), donate_argnums=(0, 1))
    chunks = []
    for begin in range(0, args.trials, args.chunk):
        layers = jax.vmap(init)(jax.random.split(jax.random.key(begin), args.chunk))
        chunks.append([layers, jax.tree.map(jnp.zeros_like, layers), jnp.asarray(rates[begin : begin + args.chunk])])
    generator = np.random.default_rng(1)

    def epoch():
        order = jnp.asarray(generator.permutation(len(x)))
        best = 0.0
        for chunk in chunks:
            chunk[0], chunk[1], accuracy = population_epoch(*chunk, order)
            best = max(best, float(accuracy.max()))
        return best

    contest.time_epochs(args, epoch)


if __name__ == "__main__":
    main()
