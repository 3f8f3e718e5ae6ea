#!/usr/bin/python3
"""Time one training step of the Wide-ResNet in PyTorch on the CPU: the peer of BenchmarkTrainStep in pkg/classifier.

The network is that of tests/reference/wide_resnet.py with dropout 0.3, cross-entropy and SGD with momentum 0.9 and weight
decay 5e-4.

usage: /usr/bin/python3 torch_wide_resnet_step.py DEPTH WIDEN BATCH STEPS [THREADS]
needs: python3-torch (Debian), run with the system python
prints: one JSON line with the median and minimum milliseconds of a step, images/s and peak RSS
"""
import json
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

DEPTH, WIDEN, BATCH, STEPS = map(int, sys.argv[1:5])
torch.set_num_threads(int(sys.argv[5]) if len(sys.argv) > 5 else 2)
torch.manual_seed(0)


class Block(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(cin), nn.BatchNorm2d(cout)
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, stride=stride)
        self.shortcut = nn.Conv2d(cin, cout, 1, stride=stride) if stride != 1 or cin != cout else None

    def forward(self, x):
        y = F.dropout(self.conv1(F.relu(self.norm1(x))), 0.3, self.training)
        y = self.conv2(F.relu(self.norm2(y)))
        return y + (x if self.shortcut is None else self.shortcut(x))


layers, width = [nn.Conv2d(3, 16, 3, padding=1)], 16
for group in range(3):
    for i in range((DEPTH - 4) // 6):
        out = 16 * WIDEN * 2**group
        layers.append(Block(width, out, 2 if group > 0 and i == 0 else 1))
        width = out
net = nn.Sequential(*layers, nn.BatchNorm2d(width, momentum=0.9), nn.ReLU(), nn.AvgPool2d(8), nn.Flatten(), nn.Linear(width, 2))
optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
x, labels = torch.rand(BATCH, 3, 32, 32) * 4 - 2, torch.arange(BATCH) % 2


def step():
    optimiser.zero_grad()
    F.cross_entropy(net(x), labels).backward()
    optimiser.step()


step()
times = []
for _ in range(STEPS):
    started = time.perf_counter()
    step()
    times.append(1e3 * (time.perf_counter() - started))
median = sorted(times)[len(times) // 2]
print(json.dumps(dict(depth=DEPTH, widen=WIDEN, batch=BATCH, median_ms=round(median, 1), min_ms=round(min(times), 1),
                      images_per_s=round(1e3 * BATCH / median, 2), peak_rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)))
