"""The workloads' models in jax alone; in C++: models/, with the sizes of bench/training/workloads.cpp.

A model is a pair of functions: init(key) gives parameters and state (batch norm's running statistics; none otherwise),
apply(parameters, state, inputs, training) gives outputs and the new state. Images have their channels last.
"""

import jax
import jax.numpy as jnp
from jax import lax

from contest import CLASSES, CONTEXT, FEATURES, TOKENS

HIDDEN = 64  # of LSTM and GRU
WIDTH, HEADS, FEED_FORWARD, LAYERS = 128, 4, 256, 2  # of the transformer


def uniform(key, shape, fan_in):
    return jax.random.uniform(key, shape, minval=-(fan_in**-0.5), maxval=fan_in**-0.5)


def init_linear(key, n_in, n_out):
    a, b = jax.random.split(key)
    return {"w": uniform(a, (n_in, n_out), n_in), "b": uniform(b, (n_out,), n_in)}


def linear(p, x):
    return x @ p["w"] + p["b"]


def init_conv(key, n_in, n_out, size):
    return uniform(key, (size, size, n_in, n_out), n_in * size * size)


def conv_by_lax(w, x, stride=1, padding=0):
    return lax.conv_general_dilated(x, w, (stride, stride), [(padding, padding)] * 2,
                                    dimension_numbers=("NHWC", "HWIO", "NHWC"))


def conv_by_columns(w, x, stride=1, padding=0):
    """The same as one matrix product. XLA's own convolutions are up to 30 times as slow inside a loop on a processor,
    and become grouped ones under vmap."""
    size = len(w)
    x = jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    n, height, width, channels = x.shape
    rows, columns = (height - size) // stride + 1, (width - size) // stride + 1
    shifted = [x[:, i : i + stride * (rows - 1) + 1 : stride, j : j + stride * (columns - 1) + 1 : stride]
               for i in range(size) for j in range(size)]
    patches = jnp.concatenate(shifted, -1).reshape(-1, size * size * channels)
    return (patches @ w.reshape(size * size * channels, -1)).reshape(n, rows, columns, -1)


def max_pool(x):
    n, height, width, channels = x.shape
    return x.reshape(n, height // 2, 2, width // 2, 2, channels).max((2, 4))


def mlp(width):
    sizes = [64, width, width, CLASSES]

    def init(key):
        keys = jax.random.split(key, 3)
        return [init_linear(k, n_in, n_out) for k, n_in, n_out in zip(keys, sizes, sizes[1:])], {}

    def apply(layers, state, x, training):
        for layer in layers[:-1]:
            x = jax.nn.relu(linear(layer, x))
        return linear(layers[-1], x), state

    return init, apply


def logistic():
    def init(key):
        return init_linear(key, 64, CLASSES), {}

    def apply(p, state, x, training):
        return linear(p, x), state

    return init, apply


def lenet(conv):
    def init(key):
        a, b, c, d, e, f, g = jax.random.split(key, 7)
        return {"conv1": init_conv(a, 1, 6, 5), "bias1": uniform(b, (6,), 25),
                "conv2": init_conv(c, 6, 16, 5), "bias2": uniform(d, (16,), 150),
                "linear1": init_linear(e, 400, 120), "linear2": init_linear(f, 120, 84),
                "linear3": init_linear(g, 84, CLASSES)}, {}

    def apply(p, state, x, training):
        x = max_pool(jax.nn.relu(conv(p["conv1"], x, padding=2) + p["bias1"]))
        x = max_pool(jax.nn.relu(conv(p["conv2"], x) + p["bias2"]))
        x = jax.nn.relu(linear(p["linear1"], x.reshape(len(x), -1)))
        return linear(p["linear3"], jax.nn.relu(linear(p["linear2"], x))), state

    return init, apply


def init_norm(n):
    return {"scale": jnp.ones(n), "shift": jnp.zeros(n)}, {"mean": jnp.zeros(n), "var": jnp.ones(n)}


def batch_norm(p, state, x, training):
    if not training:
        mean, var = state["mean"], state["var"]
    else:
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        n = x.size // x.shape[-1]
        state = {"mean": 0.9 * state["mean"] + 0.1 * mean, "var": 0.9 * state["var"] + 0.1 * var * n / (n - 1)}
    return (x - mean) * (lax.rsqrt(var + 1e-5) * p["scale"]) + p["shift"], state


BLOCKS = ((16, 16, 1), (16, 32, 2), (32, 64, 2))  # channels in and out, stride


def resnet(conv):
    def init(key):
        keys = iter(jax.random.split(key, 11))
        p, state = {"first": init_conv(next(keys), 3, 16, 3), "last": init_linear(next(keys), 64, CLASSES)}, {}
        p["norm"], state["norm"] = init_norm(16)
        for i, (n_in, n_out, stride) in enumerate(BLOCKS):
            block = {"conv1": init_conv(next(keys), n_in, n_out, 3), "conv2": init_conv(next(keys), n_out, n_out, 3)}
            norms = ["norm1", "norm2"]
            if stride != 1:
                block["shortcut"] = init_conv(next(keys), n_in, n_out, 1)
                norms.append("norm3")
            of_norms = {}
            for norm in norms:
                block[norm], of_norms[norm] = init_norm(n_out)
            p[f"block{i}"], state[f"block{i}"] = block, of_norms
        return p, state

    def apply_block(p, state, x, stride, training):
        new = {}
        y, new["norm1"] = batch_norm(p["norm1"], state["norm1"], conv(p["conv1"], x, stride, 1), training)
        y, new["norm2"] = batch_norm(p["norm2"], state["norm2"], conv(p["conv2"], jax.nn.relu(y), 1, 1), training)
        if stride != 1:
            x, new["norm3"] = batch_norm(p["norm3"], state["norm3"], conv(p["shortcut"], x, stride), training)
        return jax.nn.relu(x + y), new

    def apply(p, state, x, training):
        new = {}
        x, new["norm"] = batch_norm(p["norm"], state["norm"], conv(p["first"], x, 1, 1), training)
        x = jax.nn.relu(x)
        for i, (_, _, stride) in enumerate(BLOCKS):
            x, new[f"block{i}"] = apply_block(p[f"block{i}"], state[f"block{i}"], x, stride, training)
        return linear(p["last"], x.mean((1, 2))), new

    return init, apply


def lstm():
    def init(key):
        a, b, c, d = jax.random.split(key, 4)
        return {"of_input": uniform(a, (FEATURES, 4 * HIDDEN), HIDDEN),
                "of_state": uniform(b, (HIDDEN, 4 * HIDDEN), HIDDEN), "b": uniform(c, (4 * HIDDEN,), HIDDEN),
                "last": init_linear(d, HIDDEN, CLASSES)}, {}

    def apply(p, state, x, training):
        gates_of_input = (x @ p["of_input"] + p["b"]).transpose(1, 0, 2)  # all steps at once

        def step(carry, of_input):
            h, c = carry
            i, f, g, o = jnp.split(of_input + h @ p["of_state"], 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        zeros = jnp.zeros((len(x), HIDDEN))
        (h, _), _ = lax.scan(step, (zeros, zeros), gates_of_input)
        return linear(p["last"], h), state

    return init, apply


def gru():
    def init(key):
        a, b, c, d, e = jax.random.split(key, 5)
        return {"of_input": uniform(a, (FEATURES, 3 * HIDDEN), HIDDEN), "b": uniform(c, (3 * HIDDEN,), HIDDEN),
                "of_state": {"w": uniform(b, (HIDDEN, 3 * HIDDEN), HIDDEN), "b": uniform(d, (3 * HIDDEN,), HIDDEN)},
                "last": init_linear(e, HIDDEN, CLASSES)}, {}

    def apply(p, state, x, training):
        gates_of_input = (x @ p["of_input"] + p["b"]).transpose(1, 0, 2)  # all steps at once

        def step(h, of_input):
            reset, update, new = jnp.split(of_input, 3, axis=-1)
            of_reset, of_update, of_new = jnp.split(linear(p["of_state"], h), 3, axis=-1)
            z = jax.nn.sigmoid(update + of_update)
            return z * h + (1 - z) * jnp.tanh(new + jax.nn.sigmoid(reset + of_reset) * of_new), None

        h, _ = lax.scan(step, jnp.zeros((len(x), HIDDEN)), gates_of_input)
        return linear(p["last"], h), state

    return init, apply


def layer_norm(p, x):
    mean = x.mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(x.var(-1, keepdims=True) + 1e-5) * p["scale"] + p["shift"]


def attention(p, x):
    n, context, _ = x.shape
    q, k, v = jnp.split(linear(p["enter"], x).reshape(n, context, 3 * HEADS, WIDTH // HEADS), 3, axis=2)
    scores = jnp.einsum("nqhd,nkhd->nhqk", q, k) * (WIDTH // HEADS) ** -0.5
    scores = jnp.where(jnp.tril(jnp.ones((context, context), bool)), scores, -jnp.inf)
    mixed = jnp.einsum("nhqk,nkhd->nqhd", jax.nn.softmax(scores), v)
    return linear(p["leave"], mixed.reshape(n, context, WIDTH))


def transformer():
    def init_layer(key):
        a, b, c, d = jax.random.split(key, 4)
        return {"enter": init_linear(a, WIDTH, 3 * WIDTH), "leave": init_linear(b, WIDTH, WIDTH),
                "forward1": init_linear(c, WIDTH, FEED_FORWARD), "forward2": init_linear(d, FEED_FORWARD, WIDTH),
                "norm1": init_norm(WIDTH)[0], "norm2": init_norm(WIDTH)[0]}

    def init(key):
        a, b, c, *layers = jax.random.split(key, 3 + LAYERS)
        return {"embed": jax.random.normal(a, (TOKENS, WIDTH)), "position": jax.random.normal(b, (CONTEXT, WIDTH)),
                "layers": [init_layer(k) for k in layers], "last": init_linear(c, WIDTH, TOKENS)}, {}

    def apply(p, state, tokens, training):
        x = p["embed"][tokens] + p["position"]
        for layer in p["layers"]:
            x = layer_norm(layer["norm1"], x + attention(layer, x))
            x = layer_norm(layer["norm2"], x + linear(layer["forward2"], jax.nn.relu(linear(layer["forward1"], x))))
        return linear(p["last"], x), state

    return init, apply


def model(args):
    """init and apply of the workload's model."""
    if args.workload == "mlp":
        return mlp(args.width)
    if args.workload in ("lenet", "resnet"):
        conv = conv_by_lax if args.convolution == "lax" else conv_by_columns
        return {"lenet": lenet, "resnet": resnet}[args.workload](conv)
    return {"logistic": logistic, "lstm": lstm, "gru": gru, "transformer": transformer}[args.workload]()
