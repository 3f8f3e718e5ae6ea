#!/usr/bin/env python3
"""PixelCNN++ in PyTorch, timed: the peer of the benchmarks of pkg/pixelcnn, on a CPU or a CUDA device.

The network is the paper's (reference digest, section 5): two streams at three resolutions, gated residual blocks of
weight-normed shifted convolutions, concat-ELU, dropout of feature maps, a discretised mixture of logistics, Adam.
Sampling is what one writes without a cache: the whole network for every pixel. Each of them costs the same, so that
--pixels 16 times 16 of them and multiplies.

usage: torch_pixelcnn.py train|score|sample --resnets 1 --filters 32 --batch 16 --mode eager|compile [--side 8]
prints: one line of JSON, see measure.py
"""
import math

import measure

PARSER = measure.arguments(__doc__.partition("\n")[0], ["train", "score", "sample"], measure.TORCH_MODES,
                           resnets=1, filters=32, side=32, pixels=0)

import in_torch
import torch
from torch import nn
from torch.nn import functional as F

COLOURS, MIXTURES, STAGES = 3, 10, 3


def concat_elu(x):
    return F.elu(torch.cat([x, -x], 1))


class Normed(nn.Module):
    """A weight-normed convolution: its kernel is g v/|v|, the norm over all but the first axis, as in PyTorch's weight_norm."""

    def __init__(self, conv):
        super().__init__()
        self.v, self.bias = nn.Parameter(conv.weight.detach()), nn.Parameter(conv.bias.detach())
        self.g = nn.Parameter(torch.norm_except_dim(self.v.detach(), 2, 0))

    def kernel(self):
        if torch.compiler.is_compiling():  # PyTorch 2.9 fails to compile the gradient of its own
            return self.v * (self.g / self.v.square().sum((1, 2, 3), keepdim=True).sqrt())
        return torch._weight_norm(self.v, self.g, 0)


class Shifted(Normed):
    """Sees height rows, its own the lowest, and of them `left` columns to the left."""

    def __init__(self, entering, leaving, height, width, left, stride=1):
        super().__init__(nn.Conv2d(entering, leaving, (height, width)))
        self.stride, self.pad = stride, (left, width - 1 - left, height - 1, 0)

    def forward(self, x):
        return F.conv2d(F.pad(x, self.pad), self.kernel(), self.bias, self.stride)


class Pointwise(Normed):
    def __init__(self, entering, leaving):
        super().__init__(nn.Conv2d(entering, leaving, 1))

    def forward(self, x):
        return F.conv2d(x, self.kernel(), self.bias)


class Up(Normed):
    """Twice the sides, by a transposed convolution cropped to what each stream may see."""

    def __init__(self, stream, filters):
        super().__init__(nn.ConvTranspose2d(filters, filters, (2, 3 if stream == "u" else 2)))
        self.columns = slice(1, -1) if stream == "u" else slice(0, -1)

    def forward(self, x):
        y = F.conv_transpose2d(x, self.kernel(), self.bias, 2, output_padding=1)
        return y[:, :, :-1, self.columns]


def seeing(stream, entering, leaving, stride=1):
    return Shifted(entering, leaving, 2, 3 if stream == "u" else 2, 1, stride)


class Block(nn.Module):
    """A gated residual block; sides is how many other features it also reads."""

    def __init__(self, stream, filters, sides):
        super().__init__()
        self.enter = seeing(stream, 2 * filters, filters)
        self.leave = seeing(stream, 2 * filters, 2 * filters)
        self.side = Pointwise(2 * sides * filters, filters) if sides else None

    def forward(self, x, *sides):
        h = self.enter(concat_elu(x))
        if self.side is not None:
            h = h + self.side(concat_elu(torch.cat(sides, 1)))
        p, q = self.leave(F.dropout2d(concat_elu(h), 0.5, self.training)).chunk(2, 1)
        return x + p * torch.sigmoid(q)


class PixelCNN(nn.Module):
    def __init__(self, resnets, f):
        super().__init__()
        pairs = lambda n, u_sides, ul_sides: nn.ModuleList(
            nn.ModuleList([Block("u", f, u_sides), Block("ul", f, ul_sides)]) for _ in range(n))
        self.first_u, self.first_above, self.first_left = (
            Shifted(COLOURS + 1, f, 2, 3, 1), Shifted(COLOURS + 1, f, 1, 3, 1), Shifted(COLOURS + 1, f, 2, 1, 0))
        self.shrinking = nn.ModuleList(pairs(resnets, 0, 1) for _ in range(STAGES))
        self.growing = nn.ModuleList(pairs(resnets + (stage > 0), 1, 2) for stage in range(STAGES))
        self.smaller = nn.ModuleList(nn.ModuleList(seeing(s, f, f, 2) for s in ("u", "ul")) for _ in range(STAGES - 1))
        self.larger = nn.ModuleList(nn.ModuleList(Up(s, f) for s in ("u", "ul")) for _ in range(STAGES - 1))
        self.last = Pointwise(f, 10 * MIXTURES)

    def forward(self, x):
        """The parameters of each pixel's mixture."""
        x = torch.cat([x, torch.ones_like(x[:, :1])], 1)
        below, right = (lambda y: F.pad(y[:, :, :-1], (0, 0, 1, 0))), (lambda y: F.pad(y[..., :-1], (1, 0)))
        u, ul = below(self.first_u(x)), below(self.first_above(x)) + right(self.first_left(x))
        kept = [(u, ul)]
        for stage in range(STAGES):
            for u_block, ul_block in self.shrinking[stage]:
                u = u_block(u)
                ul = ul_block(ul, u)
                kept.append((u, ul))
            if stage < STAGES - 1:
                u, ul = self.smaller[stage][0](u), self.smaller[stage][1](ul)
                kept.append((u, ul))
        kept.pop()
        for stage in range(STAGES):
            for u_block, ul_block in self.growing[stage]:
                u_side, ul_side = kept.pop()
                u = u_block(u, u_side)
                ul = ul_block(ul, u, ul_side)
            if stage < STAGES - 1:
                u, ul = self.larger[stage][0](u), self.larger[stage][1](ul)
        return self.last(F.elu(ul))


def parts(params):
    """Logits [B, M, H, W]; means, log-scales and coefficients [B, 3, M, H, W] of the mixtures."""
    b, _, h, w = params.shape
    rest = params[:, MIXTURES:].reshape(b, COLOURS, 3, MIXTURES, h, w)
    return params[:, :MIXTURES], rest[:, :, 0], rest[:, :, 1].clamp(min=-7), torch.tanh(rest[:, :, 2])


def log_likelihood(x, params):
    """ln P of each image."""
    logits, means, log_scales, c = parts(params)
    v = x[:, :, None]
    means = torch.stack([means[:, 0], means[:, 1] + c[:, 0] * v[:, 0], means[:, 2] + c[:, 1] * v[:, 0] + c[:, 2] * v[:, 1]], 1)
    inverse = torch.exp(-log_scales)
    middle = (v - means) * inverse
    above, under = middle + inverse / 255, middle - inverse / 255
    inside = torch.sigmoid(above) - torch.sigmoid(under)
    density = middle - log_scales - 2 * F.softplus(middle) - math.log(127.5)
    logs = torch.where(inside > 1e-5, inside.clamp(min=1e-12).log(), density)
    logs = torch.where(v < -0.999, above - F.softplus(above), torch.where(v > 0.999, -F.softplus(under), logs))
    return torch.logsumexp(logs.sum(1) + F.log_softmax(logits, 1), 1).sum((1, 2))


def draw(params):
    """A pixel [B, 3] from mixtures [B, 10 M]."""
    logits, means, log_scales, c = (p[..., 0, 0] for p in parts(params[:, :, None, None]))
    chosen = torch.distributions.Categorical(logits=logits).sample()[:, None, None].expand(-1, COLOURS, 1)
    means, log_scales, c = (p.gather(2, chosen)[..., 0] for p in (means, log_scales, c))
    uniform = torch.rand_like(means).clamp(1e-5, 1 - 1e-5)
    noise = log_scales.exp() * (uniform.log() - (-uniform).log1p())
    binned = lambda y: (y.clamp(-1, 1) * 127.5).round() / 127.5
    r = binned(means[:, 0] + noise[:, 0])
    g = binned(means[:, 1] + noise[:, 1] + c[:, 0] * r)
    return torch.stack([r, g, binned(means[:, 2] + noise[:, 2] + c[:, 1] * r + c[:, 2] * g)], 1)


def main():
    options, run = in_torch.start(PARSER)
    side = options.side
    network = PixelCNN(options.resnets, options.filters)
    blocks = [m for m in network.modules() if isinstance(m, (Block, Up))]
    network = in_torch.place(options, network, blocks).train(options.task == "train")
    likelihood = torch.compile(log_likelihood, dynamic=False) if "compile" in options.mode else log_likelihood
    x = torch.randint(0, 256, (options.batch, COLOURS, side, side), device=options.device).float() / 127.5 - 1
    if options.channels_last:
        x = x.to(memory_format=torch.channels_last)

    def mixtures(x):
        with in_torch.network_precision(options):
            return network(x).float()

    def one_pixel(images, n):
        i, j = n // side, n % side
        images[:, :, i, j] = draw(mixtures(images)[:, :, i, j])

    if options.task == "train":
        kind = dict(fused=True) if "compile" in options.mode else {}
        optimiser = torch.optim.Adam(network.parameters(), lr=2e-4, capturable="graph" in options.mode, **kind)
        in_torch.train(options, run, network, optimiser, lambda: -likelihood(x, mixtures(x)).mean())
    elif options.task == "score":
        in_torch.evaluate(options, run, network, lambda: likelihood(x, mixtures(x)), options.batch)
    else:
        images = torch.zeros_like(x)
        count = options.pixels or side * side

        def some_pixels():
            for n in range(count):
                one_pixel(images, n)
            return images

        # All of an image's pixels have the same shapes: one readies the network, and no second round is needed to warm up.
        in_torch.evaluate(options, run, network, some_pixels, options.batch, warmup=1, repeats=side * side // count)


main()
