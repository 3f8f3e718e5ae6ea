#!/usr/bin/env python3
"""Glow in JAX, timed: the peer of the benchmarks of pkg/glow and pkg/invert, on a CPU or a CUDA device.

The same network as torch_glow.py, in two forms. unrolled: one flow step after the other and XLA's own convolutions, as one
writes it first. scan: a loop over the steps of a scale (lax.scan) whose convolutions are matrix products, which compiles
once whatever K is; with --remat a step's activations are computed again in the gradient. --layout is that of activations:
bhwc as JAX's users have it, or chwb, channels first and images last.

usage: jax_glow.py train|score|sample --k 4 --hidden 64 --batch 32 --mode unrolled|scan [--device cuda --precision tf32]
prints: one line of JSON, see measure.py
"""
import functools
import math
import os

import measure

PARSER = measure.arguments(__doc__.partition("\n")[0], ["train", "score", "sample"], ["unrolled", "scan"], k=4, hidden=64)
PARSER.add_argument("--layout", choices=["bhwc", "chwb"], default="bhwc")
PARSER.add_argument("--remat", action="store_true")
OPTIONS = PARSER.parse_args()
os.environ["JAX_PLATFORMS"] = OPTIONS.device
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # so that memory is what is used

import jax
import jax.numpy as jnp
import jaxlib
import numpy as np
import scipy.linalg
from jax import lax

SIDE, COLOURS, SCALES = 32, 3, 3
LAST = OPTIONS.layout == "bhwc"
CHANNELS = 3 if LAST else 0
OTHERS = (1, 2, 3) if LAST else (0, 1, 2)  # all axes but the images'
ROWS, COLUMNS = 1, 2
NARROW = jnp.bfloat16 if OPTIONS.precision == "bf16" else jnp.float32
PRECISION = lax.Precision.HIGHEST if OPTIONS.precision == "f32" else lax.Precision.DEFAULT


def each(v):
    """A value a channel, against activations."""
    return v if LAST else v[:, None, None, None]


def product(matrix, x, precision):
    """matrix [out, in] at every position."""
    return jnp.einsum("oc,bhwc->bhwo" if LAST else "oc,chwb->ohwb", matrix, x, precision=precision)


def neighbours(x):
    """x moved by each of the nine offsets of a 3x3 kernel, zeros from outside."""
    height, width = x.shape[ROWS], x.shape[COLUMNS]
    x = jnp.pad(x, [(0, 0) if axis not in (ROWS, COLUMNS) else (1, 1) for axis in range(4)])
    return [lax.slice_in_dim(lax.slice_in_dim(x, i, i + height, axis=ROWS), j, j + width, axis=COLUMNS) for i in range(3) for j in range(3)]


def convolve(kernel, x):
    """A convolution with a kernel [3, 3, out, in] or [1, 1, out, in]."""
    kernel, x = kernel.astype(NARROW), x.astype(NARROW)
    size, _, leaving, entering = kernel.shape
    if OPTIONS.mode == "unrolled":
        layout = "NHWC" if LAST else "CHWN"
        return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=(layout, "HWOI", layout), precision=PRECISION)
    if size == 1:
        return product(kernel[0, 0], x, PRECISION)
    if entering <= leaving:
        # Few channels enter: gather the neighbourhood, then one product.
        matrix = kernel.transpose(2, 0, 1, 3).reshape(leaving, 9 * entering)
        return product(matrix, jnp.concatenate(neighbours(x), CHANNELS), PRECISION)
    # Few leave: one product to all nine taps, then each is moved to where it belongs.
    taps = product(kernel.reshape(9 * leaving, entering), x, PRECISION)
    y = 0
    for n, tap in enumerate(jnp.split(taps, 9, CHANNELS)):
        y = y + neighbours(tap)[n]
    return y


def norm(p, name, x):
    return (x + each(p[name + "/shift"])) * each(jnp.exp(p[name + "/log_scale"]))


def mixing(p, fixed):
    n = p["lower"].shape[-1]
    lower = jnp.tril(p["lower"], -1) + jnp.eye(n)
    upper = jnp.triu(p["upper"], 1) + jnp.diag(fixed["sign"] * jnp.exp(p["log_diagonal"]))
    return jnp.linalg.multi_dot([fixed["order"], lower, upper], precision=lax.Precision.HIGHEST)


def coupling(p, kept):
    """What a coupling layer adds, and its raw scale."""
    h = jax.nn.relu(norm(p, "norm1", convolve(p["first"], kept).astype(jnp.float32))).astype(NARROW)
    h = jax.nn.relu(norm(p, "norm2", convolve(p["middle"], h).astype(jnp.float32))).astype(NARROW)
    h = (convolve(p["last"], h).astype(jnp.float32) + each(p["bias"])) * each(jnp.exp(3 * p["log_gain"]))
    # The even channels are shifts, the odd ones scales.
    return lax.slice_in_dim(h, 0, None, 2, CHANNELS), lax.slice_in_dim(h, 1, None, 2, CHANNELS)


def step(p, fixed, x):
    """y and the log-determinant of each image."""
    positions = x.shape[ROWS] * x.shape[COLUMNS]
    x = product(mixing(p, fixed), norm(p, "norm", x), lax.Precision.HIGHEST)
    kept, changed = jnp.split(x, 2, CHANNELS)
    shift, raw = coupling(p, kept)
    scale = jax.nn.sigmoid(raw + 2)
    gained = positions * (p["norm/log_scale"].sum() + p["log_diagonal"].sum()) + jnp.log(scale).sum(OTHERS)
    return jnp.concatenate([kept, (changed + shift) * scale], CHANNELS), gained


def step_back(p, inverse, y):
    kept, changed = jnp.split(y, 2, CHANNELS)
    shift, raw = coupling(p, kept)
    x = jnp.concatenate([kept, changed / jax.nn.sigmoid(raw + 2) - shift], CHANNELS)
    x = product(inverse, x, lax.Precision.HIGHEST)
    return x * each(jnp.exp(-p["norm/log_scale"])) - each(p["norm/shift"])


def squeeze(x):
    if LAST:
        b, h, w, c = x.shape
        return x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4).reshape(b, h // 2, w // 2, 4 * c)
    c, h, w, b = x.shape
    return x.reshape(c, h // 2, 2, w // 2, 2, b).transpose(0, 2, 4, 1, 3, 5).reshape(4 * c, h // 2, w // 2, b)


def unsqueeze(x):
    if LAST:
        b, h, w, c = x.shape
        return x.reshape(b, h, w, c // 4, 2, 2).transpose(0, 1, 4, 2, 5, 3).reshape(b, 2 * h, 2 * w, c // 4)
    c, h, w, b = x.shape
    return x.reshape(c // 4, 2, 2, h, w, b).transpose(0, 3, 1, 4, 2, 5).reshape(c // 4, 2 * h, 2 * w, b)


def at(tree, k):
    return jax.tree.map(lambda v: v[k], tree)


def log_likelihood(params, fixed, x):
    """ln p of each image."""
    total = jnp.zeros(OPTIONS.batch)
    for scale, (p, f) in enumerate(zip(params, fixed)):
        x = squeeze(x)
        if OPTIONS.mode == "unrolled":
            for k in range(OPTIONS.k):
                x, gained = step(at(p["steps"], k), at(f, k), x)
                total = total + gained
        else:
            def turn(state, this):
                y, gained = step(*this, state[0])
                return (y, state[1] + gained), None
            (x, total), _ = lax.scan(jax.checkpoint(turn) if OPTIONS.remat else turn, (x, total), (p["steps"], f))
        z, x = jnp.split(x, 2, CHANNELS) if scale < SCALES - 1 else (x, None)
        z = (z + p["shift"]) * jnp.exp(p["log_scale"])
        total = total + p["log_scale"].sum() - (z * z + math.log(2 * math.pi)).sum(OTHERS) / 2
    return total


def sample(params, fixed, key):
    x = None
    for p, f in zip(reversed(params), reversed(fixed)):
        key, use = jax.random.split(key)
        shape = list(p["shift"].shape)
        shape[0 if LAST else 3] = OPTIONS.batch
        z = jax.random.normal(use, shape) * jnp.exp(-p["log_scale"]) - p["shift"]
        x = z if x is None else jnp.concatenate([z, x], CHANNELS)
        inverses = jnp.linalg.inv(jax.vmap(mixing)(p["steps"], f))
        if OPTIONS.mode == "unrolled":
            for k in reversed(range(OPTIONS.k)):
                x = step_back(at(p["steps"], k), inverses[k], x)
        else:
            x, _ = lax.scan(lambda x, this: (step_back(*this, x), None), x, (p["steps"], inverses), reverse=True)
        x = unsqueeze(x)
    return x


def start():
    """Parameters of each scale, those of its steps stacked, and what is not trained."""
    rng = np.random.default_rng(0)
    params, fixed = [], []
    channels, side, k, hidden = COLOURS, SIDE, OPTIONS.k, OPTIONS.hidden
    zeros = lambda *shape: np.zeros((k,) + shape, np.float32)
    normal = lambda *shape: rng.normal(0, 0.05, (k,) + shape).astype(np.float32)
    for scale in range(SCALES):
        channels, side = 4 * channels, side // 2
        q = np.linalg.qr(rng.normal(size=(k, channels, channels)))[0].astype(np.float32)
        order, lower, upper = scipy.linalg.lu(q)
        diagonal = np.diagonal(upper, axis1=1, axis2=2)
        steps = {
            "norm/shift": zeros(channels), "norm/log_scale": zeros(channels),
            "lower": lower, "upper": upper, "log_diagonal": np.log(np.abs(diagonal)),
            "first": normal(3, 3, hidden, channels // 2), "norm1/shift": zeros(hidden), "norm1/log_scale": zeros(hidden),
            "middle": normal(1, 1, hidden, hidden), "norm2/shift": zeros(hidden), "norm2/log_scale": zeros(hidden),
            "last": zeros(3, 3, channels, hidden), "bias": zeros(channels), "log_gain": zeros(channels),
        }
        fixed.append({"order": order, "sign": np.sign(diagonal)})
        latent = channels if scale == SCALES - 1 else channels // 2
        shape = (1, side, side, latent) if LAST else (latent, side, side, 1)
        params.append({"steps": steps, "shift": np.zeros(shape, np.float32), "log_scale": np.zeros(shape, np.float32)})
        channels = latent
    return jax.tree.map(jnp.array, params), jax.tree.map(jnp.array, fixed)


def adamax(params, first, largest, gradients, count):
    rate, decay = 5e-4 / (1 - 0.9 ** count), 5e-5
    gradients = jax.tree.map(lambda g, w: g + decay * w, gradients, params)
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
    largest = jax.tree.map(lambda u, g: jnp.maximum(0.999 * u, jnp.abs(g) + 1e-8), largest, gradients)
    return jax.tree.map(lambda w, m, u: w - rate * m / u, params, first, largest), first, largest


def main():
    run = measure.Run(OPTIONS, {"jax": jax.__version__, "jaxlib": jaxlib.__version__})
    params, fixed = start()
    shape = (OPTIONS.batch, SIDE, SIDE, COLOURS) if LAST else (COLOURS, SIDE, SIDE, OPTIONS.batch)
    pixels = jnp.asarray(np.random.default_rng(1).integers(0, 256, shape), jnp.float32)
    key = jax.random.key(0)
    last = [None]

    if OPTIONS.task == "train":
        def loss(params, key):
            return -log_likelihood(params, fixed, (pixels + jax.random.uniform(key, shape)) / 256 - 0.5).mean()

        @functools.partial(jax.jit, donate_argnums=0)
        def update(state):
            params, first, largest, key, count = state
            key, use = jax.random.split(key)
            value, gradients = jax.value_and_grad(loss)(params, use)
            return (*adamax(params, first, largest, gradients, count), key, count + 1), value

        zeros = lambda: jax.tree.map(jnp.zeros_like, params)
        state = [(params, zeros(), zeros(), key, jnp.ones(()))]

        def timed():
            state[0], last[0] = update(state[0])
    else:
        score = lambda params: log_likelihood(params, fixed, (pixels + 0.5) / 256 - 0.5)
        call = jax.jit(score if OPTIONS.task == "score" else lambda params: sample(params, fixed, key))

        def timed():
            last[0] = call(params)

    def peak():
        return jax.devices()[0].memory_stats()["peak_bytes_in_use"] / 2**20

    count = sum(p.size for p in jax.tree.leaves(params))
    run.measure(timed, lambda: last[0].block_until_ready(), OPTIONS.batch, lambda: last[0].mean(), peak=peak if OPTIONS.device == "cuda" else None, parameters=count)


main()
