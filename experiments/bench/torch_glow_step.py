#!/usr/bin/env python3
"""Time one Glow training step in PyTorch: the peer of BenchmarkTrainStep of pkg/glow, on a CPU or a CUDA device.

The network is the paper's (reference digest, section 2): three scales, LU-parametrised 1x1 convolutions, activation norms
after the first two convolutions of a coupling network and on every latent, Adamax with weight decay.

usage: torch_glow_step.py K HIDDEN BATCH STEPS [cpu|cuda] [tf32]
needs: PyTorch
prints: one JSON line with the median and minimum milliseconds of a step, images/s and peak memory
"""
import json, math, resource, sys, time
import torch
from torch import nn
from torch.nn import functional as F

K, HIDDEN, BATCH, STEPS = map(int, sys.argv[1:5])
DEVICE = sys.argv[5] if len(sys.argv) > 5 else "cpu"
TF32 = "tf32" in sys.argv[6:]
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = TF32
torch.manual_seed(0)
if DEVICE == "cpu":
    torch.set_num_threads(2)


class Norm(nn.Module):
    """scale * (x + loc), a pair a channel."""

    def __init__(self, n):
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(1, n, 1, 1))
        self.log_scale = nn.Parameter(torch.zeros(1, n, 1, 1))

    def forward(self, x):
        return self.log_scale.exp() * (x + self.loc), self.log_scale.sum() * x[0, 0].numel()


class Step(nn.Module):
    def __init__(self, n):
        super().__init__()
        q = torch.linalg.qr(torch.randn(n, n))[0]
        p, l, u = torch.linalg.lu(q) if hasattr(torch.linalg, "lu") else torch.lu_unpack(*torch.linalg.lu_factor(q))
        self.norm = Norm(n)
        self.register_buffer("p", p)
        self.register_buffer("sign", torch.sign(torch.diagonal(u)))
        self.l, self.u = nn.Parameter(l), nn.Parameter(torch.triu(u, 1))
        self.log_s = nn.Parameter(torch.diagonal(u).abs().log())
        self.a = nn.Conv2d(n // 2, HIDDEN, 3, padding=1, bias=False)
        self.b = nn.Conv2d(HIDDEN, HIDDEN, 1, bias=False)
        self.c = nn.Conv2d(HIDDEN, n, 3, padding=1)
        self.norm_a, self.norm_b = Norm(HIDDEN), Norm(HIDDEN)
        self.logs = nn.Parameter(torch.zeros(1, n, 1, 1))
        for conv in (self.a, self.b):
            nn.init.normal_(conv.weight, 0, 0.05)
        for p in self.c.parameters():
            nn.init.zeros_(p)

    def forward(self, x):
        n = x.shape[1]
        x, total = self.norm(x)
        eye = torch.eye(n, device=x.device)
        w = self.p @ (torch.tril(self.l, -1) + eye) @ (torch.triu(self.u, 1) + torch.diag(self.sign * self.log_s.exp()))
        x = F.conv2d(x, w[:, :, None, None])
        total = total + self.log_s.sum() * x[0, 0].numel()
        kept, changed = x[:, : n // 2], x[:, n // 2 :]
        h = torch.relu(self.norm_a(self.a(kept))[0])
        h = torch.relu(self.norm_b(self.b(h))[0])
        h = self.c(h) * (3 * self.logs).exp()
        scale = torch.sigmoid(h[:, 1::2] + 2)
        return torch.cat([kept, (changed + h[:, 0::2]) * scale], 1), total + scale.log().sum((1, 2, 3))


class Glow(nn.Module):
    def __init__(self):
        super().__init__()
        self.steps, self.latents = nn.ModuleList(), nn.ModuleList()
        n = 3
        for side in (16, 8, 4):
            n *= 4
            self.steps.append(nn.ModuleList([Step(n) for _ in range(K)]))
            n = n if side == 4 else n // 2
            self.latents.append(Norm(n * side * side))

    def forward(self, x):
        total = 0
        for scale, (steps, latent) in enumerate(zip(self.steps, self.latents)):
            x = F.pixel_unshuffle(x, 2)
            for step in steps:
                x, d = step(x)
                total = total + d
            z = x
            if scale < 2:
                z, x = x.chunk(2, 1)
            z, d = latent(z.flatten(1)[:, :, None, None])
            total = total + d - (z * z / 2 + math.log(2 * math.pi) / 2).sum((1, 2, 3))
        return total


model = Glow().to(DEVICE)
optimizer = torch.optim.Adamax(model.parameters(), lr=5e-4, weight_decay=5e-5)
pixels = torch.randint(0, 256, (BATCH, 3, 32, 32), device=DEVICE).float()
times = []
for _ in range(STEPS + 1):
    begun = time.perf_counter()
    loss = -model((pixels + torch.rand_like(pixels)) / 256 - 0.5).mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if DEVICE != "cpu":
        torch.cuda.synchronize()
    times.append(1e3 * (time.perf_counter() - begun))
times = sorted(times[1:])
median = times[len(times) // 2]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 if DEVICE == "cpu" else torch.cuda.max_memory_allocated() / 2**20
print(json.dumps({"peer": "torch " + torch.__version__, "device": DEVICE, "tf32": TF32, "K": K, "hidden": HIDDEN, "batch": BATCH,
                  "median_ms": round(median, 1), "min_ms": round(times[0], 1), "images_per_s": round(1e3 * BATCH / median, 1),
                  "peak_mb": round(peak)}))
