#!/usr/bin/env python3
"""Time one PixelCNN++ training step in PyTorch on the CPU: the peer of BenchmarkTrainStep of pkg/pixelcnn.

The network is the paper's (reference digest, section 5): two streams, three resolutions, gated residual
blocks with weight-normed shifted convolutions, concat-ELU, dropout of feature maps, discretised logistic mixture, Adam.

usage: torch_pixelcnn_step.py RESNETS FILTERS BATCH STEPS [THREADS]
needs: python3-torch (Debian), run with the system python
prints: one JSON line with the median and minimum milliseconds of a step, images/s, the processors' milliseconds, peak RSS and the number of parameters
"""
import json, math, resource, sys, time
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils import weight_norm

RESNETS, FILTERS, BATCH, STEPS = map(int, sys.argv[1:5])
MIXTURES = 10
torch.set_num_threads(int(sys.argv[5]) if len(sys.argv) > 5 else 2)
torch.manual_seed(0)


def concat_elu(x):
    return F.elu(torch.cat([x, -x], 1))


class Shifted(nn.Module):
    """A convolution that sees its own row and those above: height-1 rows up, left columns to the left."""

    def __init__(self, cin, cout, height, width, left, stride=1):
        super().__init__()
        self.pad = (left, width - 1 - left, height - 1, 0)
        self.conv = weight_norm(nn.Conv2d(cin, cout, (height, width), stride))

    def forward(self, x):
        return self.conv(F.pad(x, self.pad))


def stream_conv(vertical, cin, cout, stride=1):
    return Shifted(cin, cout, 2, 3, 1, stride) if vertical else Shifted(cin, cout, 2, 2, 1, stride)


class Upsample(nn.Module):
    def __init__(self, vertical, channels):
        super().__init__()
        self.vertical = vertical
        self.conv = weight_norm(nn.ConvTranspose2d(channels, channels, (2, 3 if vertical else 2), 2, output_padding=1))

    def forward(self, x):
        y = self.conv(x)[:, :, :-1]
        return y[..., 1:-1] if self.vertical else y[..., :-1]


def pointwise(cin, cout):
    # A 1x1 convolution is the same layer as a linear one at every position, and does not depend on which BLAS is installed:
    # with Debian's reference BLAS, linear layers took more than half of the step.
    return weight_norm(nn.Conv2d(cin, cout, 1))


class Block(nn.Module):
    def __init__(self, vertical, sides):
        super().__init__()
        self.enter = stream_conv(vertical, 2 * FILTERS, FILTERS)
        self.skip = pointwise(2 * sides * FILTERS, FILTERS) if sides else None
        self.leave = stream_conv(vertical, 2 * FILTERS, 2 * FILTERS)
        self.drop = nn.Dropout2d(0.5)

    def forward(self, x, side=None):
        h = self.enter(concat_elu(x))
        if self.skip is not None:
            h = h + self.skip(concat_elu(side))
        p, q = self.leave(self.drop(concat_elu(h))).chunk(2, 1)
        return x + p * torch.sigmoid(q)


class PixelCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.first_u, self.first_above, self.first_left = Shifted(4, FILTERS, 2, 3, 1), Shifted(4, FILTERS, 1, 3, 1), Shifted(4, FILTERS, 2, 1, 0)
        both = lambda count, su, sul: nn.ModuleList(nn.ModuleList([Block(True, su), Block(False, sul)]) for _ in range(count))
        self.up_blocks = nn.ModuleList(both(RESNETS, 0, 1) for _ in range(3))
        self.down_blocks = nn.ModuleList(both(RESNETS + (i > 0), 1, 2) for i in range(3))
        self.downsample = nn.ModuleList(nn.ModuleList([stream_conv(True, FILTERS, FILTERS, 2), stream_conv(False, FILTERS, FILTERS, 2)]) for _ in range(2))
        self.upsample = nn.ModuleList(nn.ModuleList([Upsample(True, FILTERS), Upsample(False, FILTERS)]) for _ in range(2))
        self.last = pointwise(FILTERS, 10 * MIXTURES)

    def forward(self, image):
        x = torch.cat([image, torch.ones_like(image[:, :1])], 1)
        down = lambda y: F.pad(y, (0, 0, 1, 0))[:, :, :-1]
        right = lambda y: F.pad(y, (1, 0))[..., :-1]
        us, uls = [down(self.first_u(x))], [down(self.first_above(x)) + right(self.first_left(x))]
        for i in range(3):
            for u_block, ul_block in self.up_blocks[i]:
                us.append(u_block(us[-1]))
                uls.append(ul_block(uls[-1], us[-1]))
            if i < 2:
                us.append(self.downsample[i][0](us[-1]))
                uls.append(self.downsample[i][1](uls[-1]))
        u, ul = us.pop(), uls.pop()
        for i in range(3):
            for u_block, ul_block in self.down_blocks[i]:
                u = u_block(u, us.pop())
                ul = ul_block(ul, torch.cat([u, uls.pop()], 1))
            if i < 2:
                u, ul = self.upsample[i][0](u), self.upsample[i][1](ul)
        return self.last(F.elu(ul))


def nll(x, params):
    """Minus ln P summed over the batch."""
    b, _, h, w = x.shape
    logits, rest = params[:, :MIXTURES], params[:, MIXTURES:].reshape(b, 3, 3, MIXTURES, h, w)
    means, log_scales, coeffs = rest[:, :, 0], rest[:, :, 1].clamp(min=-7), torch.tanh(rest[:, :, 2])
    values = x[:, :, None].expand(b, 3, MIXTURES, h, w)
    means = torch.stack([means[:, 0], means[:, 1] + coeffs[:, 0] * values[:, 0],
                         means[:, 2] + coeffs[:, 1] * values[:, 0] + coeffs[:, 2] * values[:, 1]], 1)
    centred, inverse = values - means, torch.exp(-log_scales)
    plus, minus, middle = inverse * (centred + 1 / 255), inverse * (centred - 1 / 255), inverse * centred
    delta = torch.sigmoid(plus) - torch.sigmoid(minus)
    inside = torch.where(delta > 1e-5, torch.log(delta.clamp(min=1e-12)), middle - log_scales - 2 * F.softplus(middle) - math.log(127.5))
    logs = torch.where(values < -0.999, plus - F.softplus(plus), torch.where(values > 0.999, -F.softplus(minus), inside))
    return -torch.logsumexp(logs.sum(1) + F.log_softmax(logits, 1), 1).sum()


model = PixelCNN()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-4)
images = torch.randint(0, 256, (BATCH, 3, 32, 32)).float()
times, cpu = [], []
for _ in range(STEPS + 1):
    start, cpu_start = time.perf_counter(), time.process_time()
    x = images * (2 / 255) - 1
    loss = nll(x, model(x)) / BATCH
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    times.append(1e3 * (time.perf_counter() - start))
    cpu.append(1e3 * (time.process_time() - cpu_start))
steady = sorted(times[1:])
median = steady[len(steady) // 2]
print(json.dumps({"peer": "torch " + torch.__version__, "resnets": RESNETS, "filters": FILTERS, "batch": BATCH, "threads": torch.get_num_threads(),
                  "median_ms": round(median, 1), "min_ms": round(steady[0], 1), "images_per_s": round(1e3 * BATCH / median, 2),
                  "median_cpu_ms": round(sorted(cpu[1:])[STEPS // 2], 1),
                  "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                  "parameters": sum(p.numel() for p in model.parameters())}))
