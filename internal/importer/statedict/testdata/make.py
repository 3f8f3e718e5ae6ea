"""Writes the files of this folder: /usr/bin/python3 make.py. Every tensor holds 0, 1, 2, ... row by row, times a factor, so
that a test knows the values without reading this."""
from argparse import Namespace
from collections import OrderedDict

import numpy as np
import torch


def count(shape, dtype=torch.float32, factor=1):
    return (torch.arange(int(np.prod(shape))).reshape(shape) * factor).to(dtype)


def plain():
    """One tensor of each kind; odd layouts have the same values as plain ones."""
    shared = torch.arange(20, dtype=torch.float32)
    wide = torch.full((4, 5), -1.0)
    wide[1:3, 1:4] = count((2, 3))
    return OrderedDict(
        weight=count((2, 3)),
        transposed=count((2, 3)).t().contiguous().t(),        # stored column by column
        permuted=count((2, 3, 4)).permute(2, 0, 1).contiguous().permute(1, 2, 0),
        window=wide[1:3, 1:4],                                # offset and a gap between rows
        head=shared[:6].reshape(2, 3),                        # two views of one storage
        tail=shared[12:],
        every_second=shared[::2],
        expanded=torch.tensor([7.0]).expand(2, 3),            # stride 0
        scalar=torch.tensor(3.5),
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(count((2, 3))),
        float64=count((2, 3), torch.float64, -0.5),
        float16=count((2, 3), torch.float16, -0.5),
        bfloat16=count((2, 3), torch.bfloat16, -0.5),
        int64=count((2, 3), torch.int64, -1),
        int32=count((2, 3), torch.int32, -1),
        uint8=count((2, 3), torch.uint8),
        bool=torch.tensor([True, False]),
    )


def save(name, value):
    torch.save(value, name + ".pt")
    torch.save(value, name + "_legacy.pt", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    save("plain", plain())
    model = torch.nn.DataParallel(torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.BatchNorm2d(3)))
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2, 1, 2)).sum().backward()
    optimiser.step()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(count(p.shape))
    save("wrapped", {"epoch": 3, "best_loss": torch.tensor(1.0), "loss": np.float64(0.5), "args": Namespace(lr=0.1),
                     "state_dict": model.state_dict(), "optimizer": optimiser.state_dict()})
    torch.save(model.module, "model.pt")  # not in the old format, which keeps the source text of its classes beside them
    save("several", {"first": {"a": count((2,))}, "second": {"a": count((2,))}})
    save("list", [count((2,))])
    arrays = {name: np.asarray(t.detach().float() if t.dtype == torch.bfloat16 else t.detach()) for name, t in plain().items()}
    np.savez("plain.npz", **arrays)
    np.savez_compressed("compressed.npz", **arrays)
    np.savez("objects.npz", a=np.array([None], dtype=object))
