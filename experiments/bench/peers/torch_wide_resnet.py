#!/usr/bin/env python3
"""The Wide-ResNet of the discriminative baseline in PyTorch, timed: the peer of the benchmarks of pkg/classifier.

Convolutions with bias, dropout 0.3, two classes, cross-entropy, SGD with momentum 0.9 and weight decay 5e-4 (reference
digest, section 9).

usage: torch_wide_resnet.py train|score --depth 10 --widen 1 --batch 32 --mode eager|compile
prints: one line of JSON, see measure.py
"""
import measure

PARSER = measure.arguments(__doc__.partition("\n")[0], ["train", "score"], measure.TORCH_MODES, depth=10, widen=1)

import in_torch
import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, entering, leaving, stride):
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(entering), nn.BatchNorm2d(leaving)
        self.conv1 = nn.Conv2d(entering, leaving, 3, padding=1)
        self.conv2 = nn.Conv2d(leaving, leaving, 3, stride, padding=1)
        self.shortcut = nn.Conv2d(entering, leaving, 1, stride) if stride > 1 or entering != leaving else nn.Identity()

    def forward(self, x):
        y = F.dropout(self.conv1(F.relu(self.norm1(x))), 0.3, self.training)
        return self.conv2(F.relu(self.norm2(y))) + self.shortcut(x)


def wide_resnet(depth, widen):
    layers, channels = [nn.Conv2d(3, 16, 3, padding=1)], 16
    for group in range(3):
        for i in range((depth - 4) // 6):
            layers.append(Block(channels, widen * 16 << group, 2 if group and not i else 1))
            channels = widen * 16 << group
    return nn.Sequential(*layers, nn.BatchNorm2d(channels, momentum=0.9), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 2))


def main():
    options, run = in_torch.start(PARSER)
    network = wide_resnet(options.depth, options.widen)
    network = in_torch.place(options, network, [m for m in network if isinstance(m, Block)]).train(options.task == "train")
    pixels = torch.randint(0, 256, (options.batch, 3, 32, 32), device=options.device).float()
    labels = torch.arange(options.batch, device=options.device) % 2
    if options.channels_last:
        pixels = pixels.to(memory_format=torch.channels_last)

    def logits():
        with in_torch.network_precision(options):
            return network((pixels / 255 - 0.5) / 0.25).float()

    if options.task == "train":
        kind = dict(fused=True) if "compile" in options.mode else {}
        optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, **kind)
        in_torch.train(options, run, network, optimiser, lambda: F.cross_entropy(logits(), labels))
    else:
        in_torch.evaluate(options, run, network, logits, options.batch)


main()
