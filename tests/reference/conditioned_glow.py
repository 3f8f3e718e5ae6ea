"""Reference values of the public, explicitly conditioned Glow (digest §2.6; supplement S1.3), for tests/foreign_test.go.

Written from the facts: a state dict under the names of y0ast/Glow-PyTorch with made-up weights, none of them trivial, and the
log-likelihoods of some made-up images, computed in float64. Per scale:

    squeeze (row and column parity to channels), K times actnorm, 1x1 convolution and coupling, split.

First halves condition couplings and go on at splits. A second half that leaves is normal, with means (even channels) and
log standard deviations (odd ones) from a zero convolution of the first half; the last latent has those of a zero
convolution of zeros (means, then log standard deviations), or 0 and 0.

usage: /usr/bin/python3 tests/reference/conditioned_glow.py   (needs python3-torch; writes tests/testdata/foreign)
"""
import json
import math
import os
from collections import OrderedDict

import numpy as np
import torch
import torch.nn.functional as F

FOLDER = os.path.join(os.path.dirname(__file__), "..", "testdata", "foreign")

CASES = {
    "lu": dict(channels=1, height=16, width=8, scales=3, k=2, hidden=8, lu=True, top=False),
    "lu_top": dict(channels=1, height=8, width=8, scales=2, k=2, hidden=8, lu=True, top=True),
    "matrix": dict(channels=3, height=8, width=8, scales=2, k=1, hidden=8, lu=False, top=False),
    "matrix_top": dict(channels=3, height=8, width=8, scales=1, k=2, hidden=8, lu=False, top=True),
}


def weights(c, rng):
    """The state dict. Its order, like its names, is that of the modules."""
    state = OrderedDict()

    def put(name, *shape, std, mean=0.0):
        state[name] = mean + std * torch.randn(*shape, generator=rng)

    def norm(name, channels):
        put(name + ".bias", 1, channels, 1, 1, std=0.1)
        put(name + ".logs", 1, channels, 1, 1, std=0.2)

    def zero_conv(name, n_in, n_out):
        put(name + ".logs", n_out, 1, 1, std=0.1)
        put(name + ".conv.weight", n_out, n_in, 3, 3, std=0.1)
        put(name + ".conv.bias", n_out, std=0.1)

    channels, height, width = c["channels"], c["height"], c["width"]
    layer = 0
    for scale in range(c["scales"]):
        channels, height, width = 4 * channels, height // 2, width // 2
        layer += 1  # the squeeze, which has no weights
        for _ in range(c["k"]):
            name = f"flow.layers.{layer}"
            norm(name + ".actnorm", channels)
            matrix = torch.linalg.qr(torch.randn(channels, channels, generator=rng))[0]
            matrix = matrix + 0.1 * torch.randn(channels, channels, generator=rng)
            if c["lu"]:
                p, lower, upper = torch.lu_unpack(*torch.linalg.lu_factor(matrix))
                s = upper.diag()
                # What lies outside of the triangles is not used; weight decay leaves anything there.
                state[name + ".invconv.lower"] = lower + torch.randn(channels, channels, generator=rng).triu()
                state[name + ".invconv.log_s"] = s.abs().log()
                state[name + ".invconv.upper"] = upper.triu(1) + torch.randn(channels, channels, generator=rng).tril()
                state[name + ".invconv.p"] = p
                state[name + ".invconv.sign_s"] = s.sign()
            else:
                state[name + ".invconv.weight"] = matrix
            put(name + ".block.0.conv.weight", c["hidden"], channels // 2, 3, 3, std=0.3)
            norm(name + ".block.0.actnorm", c["hidden"])
            put(name + ".block.2.conv.weight", c["hidden"], c["hidden"], 1, 1, std=0.5)
            norm(name + ".block.2.actnorm", c["hidden"])
            zero_conv(name + ".block.4", c["hidden"], channels)
            layer += 1
        if scale < c["scales"] - 1:
            zero_conv(f"flow.layers.{layer}.conv", channels // 2, channels)
            layer += 1
            channels //= 2
    if c["top"]:
        zero_conv("learn_top_fn", 2 * channels, 2 * channels)
    state["prior_h"] = torch.zeros(1, 2 * channels, height, width)
    return state


def evaluate(c, state, images):
    """Log-likelihoods in nats of images [B, C, H, W] of 0..255, on the scale [-1/2, 1/2), in the middle of the bins."""
    w = {name: value.double() for name, value in state.items()}

    def norm(name, x):
        return (x + w[name + ".bias"]) * w[name + ".logs"].exp()

    def zero_conv(name, x):
        return F.conv2d(x, w[name + ".conv.weight"], w[name + ".conv.bias"], padding=1) * (3 * w[name + ".logs"]).exp()

    def mixing(name):
        if not c["lu"]:
            return w[name + ".weight"], w[name + ".weight"].slogdet()[1]
        eye = torch.eye(len(w[name + ".p"])).double()
        diagonal = torch.diag(w[name + ".sign_s"] * w[name + ".log_s"].exp())
        return w[name + ".p"] @ (w[name + ".lower"].tril(-1) + eye) @ (w[name + ".upper"].triu(1) + diagonal), w[name + ".log_s"].sum()

    out = {}
    x = images.double() / 256 - 0.5 + 1 / 512
    layer = 0
    for scale in range(1, c["scales"] + 1):
        batch, channels, height, width = x.shape
        parts = [x[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]
        x = torch.stack(parts, 2).reshape(batch, 4 * channels, height // 2, width // 2)
        positions = x.shape[2] * x.shape[3]
        layer += 1
        logdet = torch.zeros(batch).double()
        for _ in range(c["k"]):
            name = f"flow.layers.{layer}"
            x = norm(name + ".actnorm", x)
            matrix, logdet_of_matrix = mixing(name + ".invconv")
            x = torch.einsum("oi,bihw->bohw", matrix, x)
            logdet = logdet + positions * (w[name + ".actnorm.logs"].sum() + logdet_of_matrix)
            a, b = x.chunk(2, 1)
            h = F.relu(norm(name + ".block.0.actnorm", F.conv2d(a, w[name + ".block.0.conv.weight"], padding=1)))
            h = F.relu(norm(name + ".block.2.actnorm", F.conv2d(h, w[name + ".block.2.conv.weight"])))
            h = zero_conv(name + ".block.4", h)
            s = torch.sigmoid(h[:, 1::2] + 2)
            x = torch.cat([a, (b + h[:, 0::2]) * s], 1)
            logdet = logdet + s.log().flatten(1).sum(1)
            layer += 1
        if scale < c["scales"]:
            x, z = x.chunk(2, 1)
            h = zero_conv(f"flow.layers.{layer}.conv", x)
            mean, log_std = h[:, 0::2], h[:, 1::2]
            layer += 1
        else:
            z, h = x, w["prior_h"]
            if c["top"]:
                h = zero_conv("learn_top_fn", h)
            mean, log_std = h.chunk(2, 1)
        out[f"c{scale}"] = logdet + torch.distributions.Normal(mean, log_std.exp()).log_prob(z).flatten(1).sum(1)
        out[f"z{scale}"] = ((z - mean) / log_std.exp()).flatten(1)
        out[f"log_prior_z{scale}"] = torch.distributions.Normal(0, 1).log_prob(out[f"z{scale}"]).sum(1)
    out["log_prob"] = sum(out[f"c{scale}"] for scale in range(1, c["scales"] + 1))
    out["bits_per_dim"] = 8 - out["log_prob"] / (math.log(2) * images[0].numel())
    return out


def main():
    os.makedirs(FOLDER, exist_ok=True)
    for seed, (name, c) in enumerate(CASES.items()):
        rng = torch.Generator().manual_seed(seed)
        state = weights(c, rng)
        images = torch.randint(0, 256, (3, c["channels"], c["height"], c["width"]), generator=rng)
        out = {"out/" + key: value.numpy().astype(np.float32) for key, value in evaluate(c, state, images).items()}
        path = os.path.join(FOLDER, name)
        np.savez(path + "_values.npz", **{"in/images_uint8": images.numpy().astype(np.uint8)}, **out)
        with open(path + "_values.json", "w") as f:
            json.dump(c, f, indent=1)
            f.write("\n")
        if name == "matrix":  # as a training program keeps it that runs on several devices
            wrapped = OrderedDict(("module." + key, value) for key, value in state.items())
            torch.save({"epoch": 3, "model": wrapped, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}}}, path + ".pt")
            continue
        if name != "matrix_top":
            torch.save(state, path + ".pt")
        if name in ("lu_top", "matrix_top"):
            torch.save(state, path + "_legacy.pt", _use_new_zipfile_serialization=False)
        if name == "lu_top":
            np.savez(path + ".npz", **{key: value.numpy() for key, value in state.items()})


if __name__ == "__main__":
    main()
