"""Writes sets of the sizes of the paper's, each by its format's own writer, to measure how fast strata reads them.

/usr/bin/python3 experiments/data/make_sets.py FOLDER [SHARE]    (packages as in tests/reference/image_sets.py)

Pictures are smoothed noise on waves, so that codecs have as much to do as with photographs. SHARE scales the number of images: 1 takes 9 GB.
"""

import hashlib
import io
import os
import pickle
import sys
import tarfile

import lmdb
import nibabel
import numpy as np
import scipy.io
from PIL import Image

OUT, SHARE = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
rng = np.random.default_rng(1)


def path(name):
    full = os.path.join(OUT, name)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    return full


def n(images):
    return max(64, int(images * SHARE))


def picture(h, w):
    y, x = np.mgrid[0:h, 0:w]
    f = rng.uniform(0.02, 0.2, (2, 3))
    planes = np.stack([127 + 50 * np.sin(f[0, k] * x + 6 * rng.random()) + 50 * np.cos(f[1, k] * y) for k in range(3)], -1)
    noise = rng.normal(0, 24, (h // 2 + 1, w // 2 + 1, 3)).repeat(2, 0).repeat(2, 1)[:h, :w]
    return np.clip(planes + noise, 0, 255).astype(np.uint8)


def encoded(h, w, kind, **options):
    data = io.BytesIO()
    Image.fromarray(picture(h, w)).save(data, kind, **options)
    return data.getvalue()


def noise(images):
    return rng.integers(0, 256, (images, 3072), np.uint8)


def cifar(images, columns):
    return np.concatenate([rng.integers(0, 10, (images, columns), np.uint8), noise(images)], 1).tobytes()


with open(path("cifar10/data_batch_1.bin"), "wb") as f:
    f.write(cifar(n(50000), 1))
with tarfile.open(path("cifar10_archive/cifar-10-binary.tar.gz"), "w:gz", compresslevel=6) as tar:
    for b in range(1, 6):
        data = cifar(n(10000), 1)
        info = tarfile.TarInfo(f"cifar-10-batches-bin/data_batch_{b}.bin")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
for b in range(1, 6):
    with open(path(f"cifar10_pickle/data_batch_{b}"), "wb") as f:
        pickle.dump({b"data": noise(n(10000)), b"labels": [int(v) for v in rng.integers(0, 10, n(10000))]}, f, 2)
m = n(73257)
x = np.asfortranarray(rng.integers(0, 250, (32, 32, 3, m), np.uint8) // 50)
for name, packed in (("svhn", True), ("svhn_plain", False)):
    scipy.io.savemat(path(f"{name}/train_32x32.mat"), {"X": x, "y": rng.integers(1, 11, (m, 1)).astype(np.uint8)}, do_compression=packed)
del x
for category in "bedroom bridge church_outdoor classroom conference_room dining_room kitchen living_room restaurant tower".split():
    folder = os.path.dirname(path(f"lsun/{category}_val_lmdb/data.mdb"))
    env = lmdb.open(folder, map_size=1 << 28)
    with env.begin(write=True) as txn:
        for i in range(n(300)):
            txn.put(hashlib.sha1(f"{category}{i}".encode()).hexdigest().encode(), encoded(256, 341, "WEBP", quality=75))
    env.close()
for i in range(n(6000)):
    with open(path(f"celeba/img_align_celeba/{i + 1:06d}.jpg"), "wb") as f:
        f.write(encoded(218, 178, "JPEG", quality=90))
for c in range(20):
    for i in range(n(10000) // 20):
        with open(path(f"tinyimagenet/tiny-imagenet-200/train/n{c:08d}/images/n{c:08d}_{i}.JPEG"), "wb") as f:
            f.write(encoded(64, 64, "JPEG", quality=90))
for s in range(5):
    for modality in ("t1", "t1ce", "t2", "flair"):
        volume = rng.integers(0, 2000, (240, 240, 155)).astype(np.int16)
        volume[rng.random(volume.shape) < 0.6] = 0
        nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), path(f"brats/HGG/S{s}/S{s}_{modality}.nii.gz"))
for b in range(1, 3):
    np.savez_compressed(path(f"imagenet32/train_data_batch_{b}.npz"), data=noise(n(128116)) // 32, labels=rng.integers(1, 1001, n(128116)), mean=np.zeros(3072))
    with open(path(f"imagenet32_pickle/train_data_batch_{b}"), "wb") as f:
        pickle.dump({"data": noise(n(128116)), "labels": [int(v) for v in rng.integers(1, 1001, n(128116))]}, f, 4)
np.save(path("random300k/300K_random_images.npy"), noise(n(300000)).reshape(-1, 32, 32, 3))
with open(path("tiny/tiny_images.bin"), "wb") as f:
    block = noise(64 * 100)
    for _ in range(n(1562560) // 6400):
        f.write(block.tobytes())
        block = np.roll(block, 1, 0)
