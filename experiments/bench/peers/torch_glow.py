#!/usr/bin/env python3
"""Glow in PyTorch, timed: the peer of the benchmarks of pkg/glow and pkg/invert, on a CPU or a CUDA device.

The network is the paper's: three scales, 1x1 convolutions by their LU factors, activation norms in the flow, in the coupling
networks and on every element of the latents, and Adamax with weight decay. Data-dependent starts cost nothing a step and
are left out.

usage: torch_glow.py train|score|sample --k 4 --hidden 64 --batch 32 --mode eager|compile [--device cuda --precision tf32]
prints: one line of JSON, see measure.py
"""
import math

import measure

PARSER = measure.arguments(__doc__.partition("\n")[0], ["train", "score", "sample"], measure.TORCH_MODES, k=4, hidden=64)

import in_torch
import torch
from torch import nn
from torch.nn import functional as F

SIDE, COLOURS, SCALES = 32, 3, 3


class Norm(nn.Module):
    """(x + shift) exp(log_scale), a pair a channel, or an element where the shape says so."""

    def __init__(self, *shape):
        super().__init__()
        self.shift, self.log_scale = nn.Parameter(torch.zeros(shape)), nn.Parameter(torch.zeros(shape))

    def forward(self, x):
        return (x + self.shift) * self.log_scale.exp()

    def back(self, y):
        return y * (-self.log_scale).exp() - self.shift


class Coupling(nn.Module):
    """The network of a coupling layer: what it adds, and the raw scale."""

    def __init__(self, channels, options):
        super().__init__()
        self.options, hidden = options, options.hidden
        self.first = nn.Conv2d(channels // 2, hidden, 3, padding=1, bias=False)
        self.middle = nn.Conv2d(hidden, hidden, 1, bias=False)
        self.last = nn.Conv2d(hidden, channels, 3, padding=1)
        self.norm1, self.norm2 = Norm(hidden, 1, 1), Norm(hidden, 1, 1)
        self.log_gain = nn.Parameter(torch.zeros(channels, 1, 1))
        nn.init.normal_(self.first.weight, 0, 0.05)
        nn.init.normal_(self.middle.weight, 0, 0.05)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x):
        with in_torch.network_precision(self.options):
            h = F.relu(self.norm1(self.first(x)))
            h = F.relu(self.norm2(self.middle(h)))
            h = self.last(h)
        h = h.float() * (3 * self.log_gain).exp()
        return h[:, 0::2], h[:, 1::2]


class Step(nn.Module):
    """Norm, mixing of channels, coupling. Forwards it gives y and the log-determinant of each image, backwards x."""

    def __init__(self, channels, options):
        super().__init__()
        p, lower, upper = torch.linalg.lu(torch.linalg.qr(torch.randn(channels, channels))[0])
        diagonal = upper.diagonal()
        self.norm = Norm(channels, 1, 1)
        self.lower, self.upper = nn.Parameter(lower.clone()), nn.Parameter(upper.clone())
        self.log_diagonal = nn.Parameter(diagonal.abs().log())
        self.register_buffer("order", p)
        self.register_buffer("sign", diagonal.sign())
        self.register_buffer("eye", torch.eye(channels))
        self.coupling = Coupling(channels, options)

    def mixing(self):
        lower = self.lower.tril(-1) + self.eye
        upper = self.upper.triu(1) + torch.diag(self.sign * self.log_diagonal.exp())
        return self.order @ lower @ upper

    def forward(self, x, back=False):
        if back:
            kept, changed = x.chunk(2, 1)
            shift, raw = self.coupling(kept)
            x = torch.cat([kept, changed / torch.sigmoid(raw + 2) - shift], 1)
            x = F.conv2d(x, torch.linalg.inv(self.mixing())[:, :, None, None])
            return self.norm.back(x)
        positions = x.shape[2] * x.shape[3]
        x = F.conv2d(self.norm(x), self.mixing()[:, :, None, None])
        kept, changed = x.chunk(2, 1)
        shift, raw = self.coupling(kept)
        scale = torch.sigmoid(raw + 2)
        fixed = positions * (self.norm.log_scale.sum() + self.log_diagonal.sum())
        return torch.cat([kept, (changed + shift) * scale], 1), fixed + scale.log().sum((1, 2, 3))


class Glow(nn.Module):
    def __init__(self, options):
        super().__init__()
        self.scales, self.latents = nn.ModuleList(), nn.ModuleList()
        channels, side = COLOURS, SIDE
        for scale in range(SCALES):
            channels, side = 4 * channels, side // 2
            self.scales.append(nn.ModuleList(Step(channels, options) for _ in range(options.k)))
            if scale < SCALES - 1:
                channels //= 2
            self.latents.append(Norm(channels, side, side))

    def forward(self, x):
        """ln p of each image."""
        total = 0
        for scale, (steps, latent) in enumerate(zip(self.scales, self.latents)):
            x = F.pixel_unshuffle(x, 2)
            for step in steps:
                x, gained = step(x)
                total = total + gained
            z, x = x.chunk(2, 1) if scale < SCALES - 1 else (x, None)
            z = latent(z)
            total = total + latent.log_scale.sum() - (z * z + math.log(2 * math.pi)).sum((1, 2, 3)) / 2
        return total

    def sample(self, images, device):
        x = None
        for steps, latent in zip(reversed(self.scales), reversed(self.latents)):
            z = latent.back(torch.randn(images, *latent.shift.shape, device=device))
            x = z if x is None else torch.cat([z, x], 1)
            for step in reversed(steps):
                x = step(x, back=True)
            x = F.pixel_shuffle(x, 2)
        return x


def main():
    options, run = in_torch.start(PARSER)
    network = Glow(options)
    network = in_torch.place(options, network, [step for steps in network.scales for step in steps])
    pixels = torch.randint(0, 256, (options.batch, COLOURS, SIDE, SIDE), device=options.device).float()
    if options.channels_last:
        pixels = pixels.to(memory_format=torch.channels_last)
    if options.task == "train":
        graphed = "graph" in options.mode
        optimiser = torch.optim.Adamax(network.parameters(), lr=5e-4, weight_decay=5e-5, capturable=graphed, foreach=options.device == "cuda")
        in_torch.train(options, run, network, optimiser, lambda: -network((pixels + torch.rand_like(pixels)) / 256 - 0.5).mean())
    elif options.task == "score":
        in_torch.evaluate(options, run, network, lambda: network((pixels + 0.5) / 256 - 0.5), options.batch)
    else:
        in_torch.evaluate(options, run, network, lambda: network.sample(options.batch, options.device), options.batch)


main()
