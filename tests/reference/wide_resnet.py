#!/usr/bin/python3
"""A small Wide-ResNet in PyTorch, written from the facts of the reference digest (section 9), and what it computes.

    /usr/bin/python3 tests/reference/wide_resnet.py

writes tests/testdata/classifier/wide_resnet.{json,npz}, which tests/parity_classifier_test.go compares with the Go network.
All is computed in float64 and stored in float32, so that the file holds no rounding but its own. Weights lie on a grid of
1/1024, which packs well. Of arrays with more than SAMPLE_ABOVE elements, results are stored for every SAMPLE_EVERY-th element:
a prime, which visits all taps and channels.
"""
import json
import os

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

DEPTH, WIDEN, CLASSES, BATCH = 10, 1, 2, 4
SAMPLE_ABOVE, SAMPLE_EVERY = 2500, 7
SGD = dict(lr=0.1, momentum=0.9, weight_decay=5e-4)


class Block(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(cin), nn.BatchNorm2d(cout)
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, stride=stride)
        self.shortcut = nn.Conv2d(cin, cout, 1, stride=stride) if stride != 1 or cin != cout else None

    def forward(self, x):
        y = self.conv1(F.relu(self.norm1(x)))
        y = self.conv2(F.relu(self.norm2(y)))
        return y + (x if self.shortcut is None else self.shortcut(x))


class WideResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1)
        width = 16
        for group in range(3):
            blocks = nn.Module()
            for i in range((DEPTH - 4) // 6):
                out = 16 * WIDEN * 2**group
                setattr(blocks, f"block{i + 1}", Block(width, out, 2 if group > 0 and i == 0 else 1))
                width = out
            setattr(self, f"group{group + 1}", blocks)
        self.norm = nn.BatchNorm2d(width, momentum=0.9)
        self.linear = nn.Linear(width, CLASSES)

    def forward(self, x):
        x = self.conv(x)
        for group in (self.group1, self.group2, self.group3):
            for block in group.children():
                x = block(x)
        x = F.relu(self.norm(x))
        return self.linear(F.avg_pool2d(x, 8).flatten(1))


def main():
    rng = np.random.RandomState(20)
    net = WideResNet().double()
    state = net.state_dict()
    arrays, tensors = {}, {}
    for name, v in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        spread = 1 / np.sqrt(max(1, int(np.prod(v.shape[1:])))) if v.dim() > 1 else 0.2
        value = spread * rng.randn(*v.shape)
        if name.endswith("running_var") or name.split(".")[-2].startswith("norm") and name.endswith("weight"):
            value = 0.5 + np.abs(1 + value)
        value = np.round(value * 1024) / 1024
        tensors[name] = torch.from_numpy(value)
        arrays["param/" + name.replace(".", "/")] = value.astype(np.float32)
    net.load_state_dict(tensors, strict=False)
    mean, std = np.round(np.array([0.49, 0.48, 0.45]) * 1024) / 1024, np.array([0.25, 0.24, 0.26])
    std = np.round(std * 1024) / 1024
    arrays["param/input/mean"], arrays["param/input/std"] = mean.astype(np.float32), std.astype(np.float32)

    # Two batches of soft blobs with some noise: whole images that differ from each other.
    images, labels = [], []
    for step in range(2):
        coarse = rng.rand(BATCH, 3, 4, 4).repeat(8, 2).repeat(8, 3)
        pixels = np.clip(255 * coarse + 12 * rng.randn(BATCH, 3, 32, 32), 0, 255).astype(np.uint8)
        images.append(pixels)
        labels.append(rng.permutation([0, 0, 1, 1]).astype(np.int64))
        arrays[f"in/images{step + 1}"], arrays[f"in/labels{step + 1}"] = images[-1], labels[-1]

    def see(pixels):
        x = torch.from_numpy(pixels.astype(np.float64)) / 255
        return (x - torch.from_numpy(mean).view(1, 3, 1, 1)) / torch.from_numpy(std).view(1, 3, 1, 1)

    def store(prefix, name, v):
        flat = v.detach().numpy().astype(np.float32).reshape(-1)
        arrays[prefix + name.replace(".", "/")] = flat[::SAMPLE_EVERY] if flat.size > SAMPLE_ABOVE else flat

    net.eval()
    arrays["out/evaluation_logits"] = net(see(images[0])).detach().numpy().astype(np.float32)
    net.train()
    optimiser = torch.optim.SGD(net.parameters(), **SGD)
    for step in range(2):
        optimiser.zero_grad()
        logits = net(see(images[step]))
        loss = F.cross_entropy(logits, torch.from_numpy(labels[step]))
        loss.backward()
        arrays[f"out/training_logits{step + 1}"] = logits.detach().numpy().astype(np.float32)
        arrays[f"loss/step{step + 1}"] = np.float32(loss.item())
        if step == 0:
            for name, p in net.named_parameters():
                store("grad/", name, p.grad)
        optimiser.step()
        after = {n: v for n, v in net.state_dict().items() if "running_" in n}
        for name, v in after.items():
            store(f"running{step + 1}/", name, v)
    for name, p in net.named_parameters():
        store("sgd2/", name, p)

    here = os.path.dirname(os.path.abspath(__file__))
    path = os.path.join(here, "..", "testdata", "classifier", "wide_resnet")
    np.savez_compressed(path + ".npz", **arrays)
    with open(path + ".json", "w") as f:
        json.dump(dict(kind="wide_resnet", depth=DEPTH, widen=WIDEN, classes=CLASSES, batch=BATCH, sgd=SGD,
                       sample_above=SAMPLE_ABOVE, sample_every=SAMPLE_EVERY, torch=torch.__version__), f, indent=1)
        f.write("\n")
    print(os.path.getsize(path + ".npz"), "bytes; losses", [float(arrays[f"loss/step{i}"]) for i in (1, 2)])


main()
