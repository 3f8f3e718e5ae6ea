"""Writes pkg/imageset/format/testdata: small files in the formats of the paper's sets, each by the format's own writer.

/usr/bin/python3 tests/reference/image_sets.py    (Debian 12: python3-numpy 1.24, python3-scipy 1.10, python3-pil 9.4, python3-lmdb 1.4,
                                                   python3-nibabel 5.0)

Pixels are made up, (7 i^2 + 13 i) mod 251 smoothed where a codec loses. expected.json says what each file must decode to: sha256 of the
pixels N x H x W x C as PIL or NumPy see them, and labels. Runs give the same bytes with the same versions.
"""

import gzip
import hashlib
import io
import json
import os
import pickle
import shutil
import tarfile

import lmdb
import nibabel
import numpy as np
import scipy.io
from PIL import Image

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "pkg", "imageset", "format", "testdata")
expected = {}


def path(name):
    full = os.path.join(HERE, name)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    return full


def pixels(n, h, w, c, seed=0):
    i = np.arange(n * h * w * c, dtype=np.int64) + seed
    return ((i * i * 7 + i * 13) % 251).astype(np.uint8).reshape(n, h, w, c)


def smooth(h, w, seed):
    """A picture that JPEG and WebP do not destroy: waves of each colour."""
    y, x = np.mgrid[0:h, 0:w]
    planes = [127 + 60 * np.sin(x / (5 + k) + seed) + 60 * np.cos(y / (7 - k) + seed * 2) for k in range(3)]
    return np.clip(np.round(np.stack(planes, -1)), 0, 255).astype(np.uint8)


def sha(a):
    return hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()


def planar(images):
    return images.transpose(0, 3, 1, 2).reshape(len(images), -1)


def fit(picture, side=32):
    """torchvision's Resize(side) and CenterCrop(side) on a PIL image."""
    w, h = picture.size
    nh, nw = (side, int(side * w / h)) if h < w else (int(side * h / w), side)
    r = picture.convert("RGB").resize((nw, nh), Image.BILINEAR)
    top, left = int(round((nh - side) / 2.0)), int(round((nw - side) / 2.0))
    return np.asarray(r.crop((left, top, left + side, top + side)))


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    five = pixels(5, 32, 32, 3)
    labels = [1, 9, 10, 3, 10]

    # SVHN: X is 32 x 32 x 3 x N, y has 10 for the digit 0
    for name, packed in [("svhn/test_32x32.mat", True), ("svhn/train_32x32.mat", False)]:
        scipy.io.savemat(path(name), {"X": five.transpose(1, 2, 3, 0), "y": np.array(labels, np.uint8)[:, None]}, do_compression=packed)
        with open(path(name), "r+b") as f:
            f.write(b"MATLAB 5.0 MAT-file by SciPy".ljust(116))  # without the time of day
        expected[name] = {"sha256": sha(five), "labels": [v % 10 for v in labels]}

    # CIFAR: binaries, pickles as Python 2 and 3 write them, and both archives
    ten = [3, 0, 9, 1, 2]
    def record(images, *columns):
        return b"".join(bytes(c[i] for c in columns) + p.tobytes() for i, p in enumerate(planar(images)))
    archives = {"cifar10/cifar-10-binary.tar.gz": {
        "cifar-10-batches-bin/test_batch.bin": record(five, ten),
        "cifar-10-batches-bin/data_batch_2.bin": record(five[3:], ten[3:]),
        "cifar-10-batches-bin/data_batch_1.bin": record(five[:3], ten[:3]),
        "cifar-10-batches-bin/batches.meta.txt": "\n".join("airplane automobile bird cat deer dog frog horse ship truck".split()).encode()}}
    fine, coarse = [49, 99, 0, 33, 7], [4, 5, 6, 7, 8]
    meta100 = {b"fine_label_names": [f"fine{i}".encode() for i in range(100)], b"coarse_label_names": [b"c"] * 20}
    for protocol in (2, 4, 5):
        name = f"cifar100/protocol{protocol}"
        for split in ("train", "test"):
            with open(path(f"{name}/{split}"), "wb") as f:
                pickle.dump({b"filenames": [b"a.png"] * 5, b"batch_label": b"x", b"fine_labels": fine, b"coarse_labels": coarse,
                             b"data": planar(five)}, f, protocol)
        with open(path(f"{name}/meta"), "wb") as f:
            pickle.dump(meta100, f, protocol)
        expected[name] = {"sha256": sha(five), "labels": fine}
    with open(path("cifar100/binary/test.bin"), "wb") as f:
        f.write(record(five, coarse, fine))
    expected["cifar100/binary"] = {"sha256": sha(five), "labels": fine}

    # Python 2's pickle of strings, protocol 2, as the real archives have it: opcodes that Python 3 no longer writes.
    def short(s):
        return b"U" + bytes([len(s)]) + s
    def python2(images, key, values):
        data = planar(images).tobytes()
        out = b"\x80\x02}q\x01(" + short(b"data") + b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        out += b"(K\x01K" + bytes([len(images)]) + b"M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        out += b"T" + len(data).to_bytes(4, "little") + data + b"tb"
        out += short(key) + b"](" + b"".join(b"K" + bytes([v]) for v in values) + b"e" + short(b"batch_label") + short(b"testing batch 1 of 1") + b"u."
        check = pickle.loads(out, encoding="bytes")
        assert (check[b"data"] == planar(images)).all() and check[key] == list(values)
        return out
    archives["cifar10python/cifar-10-python.tar.gz"] = {
        "cifar-10-batches-py/data_batch_1": python2(five[:3], b"labels", ten[:3]),
        "cifar-10-batches-py/data_batch_2": python2(five[3:], b"labels", ten[3:]),
        "cifar-10-batches-py/test_batch": python2(five, b"labels", ten),
        "cifar-10-batches-py/batches.meta": pickle.dumps({"label_names": [f"name{i}" for i in range(10)], "num_vis": 3072}, 2)}
    for name, files in archives.items():
        with open(path(name), "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as z, tarfile.open(fileobj=z, mode="w") as tar:
            for member, data in files.items():
                info = tarfile.TarInfo(member)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        expected[name] = {"sha256": sha(five), "labels": ten}

    # Downsampled ImageNet: npz and pickle, labels from 1
    for split, name in [("train", "train_data_batch_1"), ("test", "val_data")]:
        np.savez_compressed(path(f"imagenet32/npz/{name}.npz"), data=planar(five), labels=np.array([1, 1000, 7, 2, 2]), mean=np.zeros(3072))
        with open(path(f"imagenet32/pickle/{name}"), "wb") as f:
            pickle.dump({"data": planar(five), "labels": [1, 1000, 7, 2, 2], "mean": np.zeros(3072)}, f, 4)
    for kind in ("npz", "pickle"):
        expected[f"imagenet32/{kind}"] = {"sha256": sha(five), "labels": [0, 999, 6, 1, 1]}

    # 300K Random Images
    eleven = pixels(11, 32, 32, 3, 5)
    np.save(path("numpy/random.npy"), eleven)
    held = [i % 5 == 4 for i in range(11)]
    expected["numpy/random.npy"] = {"sha256": sha(eleven[[not h for h in held]]), "test_sha256": sha(eleven[held])}

    # 80 Million Tiny Images: column-major
    many = pixels(20, 32, 32, 3, 9)
    with open(path("tinyimages/tiny_images.bin"), "wb") as f:
        for image in many:
            f.write(image.transpose(2, 1, 0).tobytes())
    chunks = np.random.RandomState(20191203).permutation(10)[:5]
    chunks = chunks[np.random.RandomState(20200610).permutation(5)]
    places = [int(c) * 2 + k for c in chunks for k in range(2)]
    expected["tinyimages"] = {"places": places, "sha256": sha(many[places[:8]]), "test_sha256": sha(many[places[8:]])}
    big = np.random.RandomState(20191203).permutation(1239094)
    expected["permutation"] = {"first": [int(v) for v in big[:8]], "last": [int(v) for v in big[-8:]], "sha256": sha(big.astype("<u4"))}

    # JPEG and WebP as PIL decodes them: what chroma becomes
    codecs = [("jpeg420", "JPEG", dict(quality=75, subsampling=2), (33, 47)), ("jpeg420even", "JPEG", dict(quality=90, subsampling=2), (32, 48)),
              ("jpeg422", "JPEG", dict(quality=75, subsampling=1), (33, 47)), ("jpeg444", "JPEG", dict(quality=75, subsampling=0), (33, 47)),
              ("webp_lossy", "WEBP", dict(quality=75, method=4), (33, 47)), ("webp_lossless", "WEBP", dict(lossless=True), (33, 47))]
    for i, (name, kind, options, (h, w)) in enumerate(codecs):
        data = io.BytesIO()
        Image.fromarray(smooth(h, w, i)).save(data, kind, **options)
        with open(path(f"codecs/{name}"), "wb") as f:
            f.write(data.getvalue())
        Image.fromarray(np.asarray(Image.open(data).convert("RGB"))).save(path(f"codecs/{name}.png"))

    # one pass through JPEG at quality 75, 4:2:0
    picture = Image.fromarray(smooth(32, 48, 9))
    picture.save(path("codecs/pil75.png"))
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=75, subsampling=2)
    Image.fromarray(np.asarray(Image.open(data).convert("RGB"))).save(path("codecs/pil75coded.png"))

    # LSUN: values are lossy WebP, shorter side 64 here
    for category, count, seed in [("bedroom", 3, 1), ("tower", 2, 40)]:
        folder = path(f"lsun/{category}_val_lmdb/data.mdb")
        env = lmdb.open(os.path.dirname(folder), map_size=1 << 18)
        images = []
        with env.begin(write=True) as txn:
            for i in range(count):
                picture = smooth(64, 70 + 9 * i, seed + i)
                data = io.BytesIO()
                Image.fromarray(picture).save(data, "WEBP", quality=80)
                txn.put(hashlib.sha1(bytes([seed, i])).hexdigest().encode(), data.getvalue())
        with env.begin() as txn:
            for _, value in txn.cursor():
                images.append(fit(Image.open(io.BytesIO(value))))
        env.close()
        os.remove(os.path.join(os.path.dirname(folder), "lock.mdb"))
        Image.fromarray(np.concatenate(images, 0)).save(path(f"lsun/{category}.png"))

    # CelebA and Tiny ImageNet: JPEG, resized
    for i in range(6):
        Image.fromarray(smooth(109, 89, i)).save(path(f"celeba/img_align_celeba/{i + 1:06d}.jpg"), quality=85)
    for wnid in ("n01443537", "n01629819"):
        for i in range(2):
            Image.fromarray(smooth(64, 64, i + len(wnid))).save(path(f"tinyimagenet/tiny-imagenet-200/train/{wnid}/images/{wnid}_{i}.JPEG"), quality=90)
        with open(path(f"tinyimagenet/tiny-imagenet-200/train/{wnid}/{wnid}_boxes.txt"), "w") as f:
            f.write(f"{wnid}_0.JPEG\t0\t10\t63\t58\n")
    Image.fromarray(smooth(64, 64, 3)[..., 0]).save(path("tinyimagenet/tiny-imagenet-200/test/images/test_0.JPEG"), quality=90)
    Image.fromarray(smooth(64, 64, 4)).save(path("tinyimagenet/tiny-imagenet-200/val/images/val_0.JPEG"), quality=90)
    with open(path("tinyimagenet/tiny-imagenet-200/wnids.txt"), "w") as f:
        f.write("n01443537\nn01629819\n")

    for folder, first in [("celeba", "celeba/img_align_celeba/000001.jpg"), ("tinyimagenet", "tinyimagenet/tiny-imagenet-200/train/n01443537/images/n01443537_0.JPEG")]:
        Image.fromarray(fit(Image.open(path(first)))).save(path(f"codecs/first_of_{folder}.png"))

    # BRATS: volumes of two subjects, and slices as JPEG
    for folder, subject in [("MICCAI_BraTS_2018_Data_Training/HGG/S1", "S1"), ("MICCAI_BraTS_2018_Data_Validation/S2", "S2")]:
        for k, modality in enumerate(["t1", "t1ce", "t2", "flair"]):
            z, y, x = np.mgrid[0:10, 0:38, 0:36]
            volume = ((x * 7 + y * 5 + z * 3) * (k + 1)).transpose(2, 1, 0).astype(np.int16)
            volume[volume % 11 == 0] = 0
            image = nibabel.Nifti1Image(volume, np.eye(4))
            image.header.set_slope_inter(1, 0)
            nibabel.save(image, path(f"brats/nifti/{folder}/{subject}_{modality}.nii.gz"))
        nibabel.save(nibabel.Nifti1Image(np.zeros((36, 38, 10), np.uint8), np.eye(4)), path(f"brats/nifti/{folder}/{subject}_seg.nii.gz"))
    # the test split by NumPy: slices 4 to 6 every 2, white at the 0.995 quantile of what is above 0, the middle 32 x 32
    crops = []
    for modality in sorted(["t1", "t1ce", "t2", "flair"]):
        v = np.asarray(nibabel.load(path(f"brats/nifti/MICCAI_BraTS_2018_Data_Validation/S2/S2_{modality}.nii.gz")).dataobj).astype(np.float64)
        above = np.sort(v[v > 0])
        white = above[min(int(0.995 * len(above)), len(above) - 1)]
        for z in (4, 6):
            grey = np.clip(v[:, :, z].T / white * 255, 0, 255)
            grey = np.floor(grey + 0.5).astype(np.uint8)  # halves away from zero
            crops.append(np.repeat(grey[3:35, 2:34, None], 3, 2))
    expected["brats/nifti"] = {"test_sha256": sha(np.stack(crops)), "labels": [3, 3, 0, 0, 1, 1, 2, 2]}
    for folder, name in [("train/lgg", "a_t1_60"), ("train/hgg", "b_flair_61"), ("valid", "c_t1ce_62"), ("valid", "d_t2_63")]:
        Image.fromarray(smooth(40, 44, len(name))[..., 0]).save(path(f"brats/jpeg/{folder}/{name}.jpg"), quality=90)

    with open(path("expected.json"), "w") as f:
        json.dump(expected, f, indent=1, sort_keys=True)
        f.write("\n")


main()
