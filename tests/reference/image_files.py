#!/usr/bin/python3
"""Small files by the reference writers of MATLAB v5 (SciPy), LMDB (liblmdb) and NIfTI-1 (nibabel), and what they hold.

    /usr/bin/python3 tests/reference/image_files.py    (needs scipy, lmdb, nibabel, gcc)

writes pkg/imageset/format/{matlab,lmdb,nifti}/testdata and beside the files a written.json, which the readers' tests compare
with. Seeds and times of day are fixed: the same versions write the same bytes.
"""
import gzip
import hashlib
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

FORMAT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "pkg", "imageset", "format")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def store(package, files, expected):
    """Writes files (name to bytes) and what they hold into a package's testdata."""
    folder = os.path.join(FORMAT, package, "testdata")
    os.makedirs(folder, exist_ok=True)
    for name, data in files.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    with open(os.path.join(folder, "written.json"), "w") as f:
        json.dump(expected, f, indent=1)
        f.write("\n")


def photographs(n, height, width, rng):
    """n images HWC: smooth, with some noise, so that they pack a little."""
    y, x = np.mgrid[0:height, 0:width]
    images = np.zeros((n, height, width, 3))
    for i in range(n):
        for c in range(3):
            a, b, phase = rng.uniform(-0.3, 0.3, 2).tolist() + [rng.uniform(0, 6)]
            images[i, :, :, c] = 128 + 100 * np.sin(a * x + b * y + phase)
    return np.clip(images + rng.integers(-2, 3, images.shape), 0, 255).astype(np.uint8)


def matlab():
    import io

    import scipy.io
    import scipy.io.matlab._mio5 as mio5
    import scipy.sparse

    class Clock:  # the header holds the time of writing
        asctime = staticmethod(lambda: "Thu Jan  1 00:00:00 1970")

    mio5.time = Clock
    rng = np.random.default_rng(1)
    # SVHN: X is height, width, channel, image; y has 10 for the digit 0.
    svhn = {"X": photographs(5, 32, 32, rng).transpose(1, 2, 3, 0), "y": np.array([[1], [9], [10], [2], [3]], np.uint8)}
    tiny = {"X": photographs(2, 3, 4, rng).transpose(1, 2, 3, 0), "y": np.array([[1], [10]], np.uint8)}
    others = {
        "title": "what is here",
        "cells": np.array([np.arange(3.0), "text"], dtype=object),
        "a_long_name_for_doubles": np.array([[1.5, -2], [np.inf, 4], [5, 1e300]]),
        "sparse": scipy.sparse.csc_matrix(np.array([[0, 1.5], [2, 0]])),
        "X": tiny["X"],
        "record": {"X": np.ones((2, 2), np.uint8), "deep": {"y": 3}},
        "single": np.array([[0.25, -0.5, 1]], np.float32),
        "complex": np.array([[1 + 2j]]),
        "i8": np.array([[-1, -128, 127]], np.int8),
        "i16": np.array([[-1, -32768]], np.int16),
        "u16": np.array([[65535, 1, 2]], np.uint16),
        "i32": np.array([[-(2**31)]], np.int32),
        "u32": np.array([[2**32 - 1, 7]], np.uint32),
        "i64": np.array([[-(2**63)]], np.int64),
        "u64": np.array([[2**64 - 1]], np.uint64),
        "logical": np.array([[True, False]]),
        "empty": np.zeros((0, 3)),
        "y": tiny["y"],
    }
    files, expected = {}, {}
    for name, arrays in [("svhn", svhn), ("tiny", tiny), ("others", others)]:
        for ending, packed in [("", False), ("_compressed", True)]:
            out = io.BytesIO()
            scipy.io.savemat(out, arrays, do_compression=packed)
            files[f"{name}{ending}.mat"] = out.getvalue()
            # Real numeric arrays in the file's order; values as they are stored, column-major.
            expected[f"{name}{ending}.mat"] = [
                dict(name=k, shape=list(a.shape), width=a.itemsize, unsigned=a.dtype.kind in "ub", sha256=sha256(a.tobytes(order="F")))
                for k, a in arrays.items()
                if isinstance(a, np.ndarray) and a.dtype.kind in "iufb"
            ]
    out = io.BytesIO()
    scipy.io.savemat(out, {"y": tiny["y"]}, format="4")
    files["version4.mat"] = out.getvalue()
    store("matlab", files, expected)


def write_lmdb(path, transactions, map_size, names=()):
    """Applies transactions, lists of (key, value or None), to a new environment; names are databases in it."""
    import lmdb

    env = lmdb.open(path, map_size=map_size, max_dbs=2, subdir=True, lock=False)
    databases = [env.open_db(n) for n in names] or [None]
    for transaction in transactions:
        with env.begin(write=True) as txn:
            for key, value in transaction:
                for db in databases:
                    if value is None:
                        txn.delete(key, db=db)
                    else:
                        txn.put(key, value, db=db)
    stat = env.stat()
    everything = hashlib.sha256()
    lengths = []
    with env.begin() as txn:
        for key, value in txn.cursor():
            everything.update(len(key).to_bytes(4, "little") + key + len(value).to_bytes(4, "little") + value)
            lengths.append(len(value))
    env.close()
    return dict(
        page_size=stat["psize"],
        depth=stat["depth"],
        entries=stat["entries"],
        longest=max(lengths, default=0),
        sha256_lengths_keys_values=everything.hexdigest(),
    )


def lmdb_transactions(kind):
    rng = np.random.default_rng(2)
    key = lambda n: sha256(str(n).encode())[:8].encode()
    value = lambda n: rng.integers(0, 256, n, np.uint8).tobytes()
    if kind == "tiny":
        return [[(b"key%d" % i, value(i)) for i in range(5)], [(b"large", value(3000))], [(b"key1", None)]]
    if kind == "many":  # in the order of hashes, with updates and deletions that leave free pages behind
        first = [(key(i), value(i % 5)) for i in range(2000)]
        large = [(b"\xff" + key(i), value(n)) for i, n in enumerate([2000, 4080, 4081, 9000])]
        changed = [(key(i), value(9)) for i in range(2000) if key(i) < b"2"] + [(b"\xff" + key(3), value(5000)), (b"\xff" + key(2), None)]
        gone = [(key(i), None) for i in range(2000) if b"4" < key(i) < b"8"]
        return [first + large, changed + gone, [(key(i), value(3)) for i in range(2000, 2010)]]
    if kind == "deep":  # long keys, so that few fit on a page
        long = lambda i: key(i) * 60
        return [[(long(i), value(i % 5)) for i in range(64)], [(long(i), None) for i in range(30, 36)], [(b"x", b"last")]]
    if kind == "large_pages":
        return [[(key(i), value(i % 20)) for i in range(400)] + [(b"\xff", value(20_000))], [(key(i), None) for i in range(400) if key(i) < b"1"]]
    if kind == "empty":
        return [[(b"a", b"b")], [(b"a", None)]]
    return [[(b"a", b"b")]]  # databases


# The library asks the system for the size of a page; this answers for it.
LARGE_PAGES = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
long sysconf(int name) {
	static long (*real)(int);
	if (!real) real = dlsym(RTLD_NEXT, "sysconf");
	return name == _SC_PAGESIZE ? 16384 : real(name);
}
"""


def lmdb_file(kind, path):
    names = (b"first",) if kind == "databases" else ()
    return write_lmdb(path, lmdb_transactions(kind), 1 << 20, names)


def lmdb_all():
    files, expected = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        source, library = os.path.join(folder, "pages.c"), os.path.join(folder, "pages.so")
        with open(source, "w") as f:
            f.write(LARGE_PAGES)
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        for kind in ["tiny", "many", "deep", "large_pages", "empty", "databases"]:
            path = os.path.join(folder, kind)
            environment = dict(os.environ)
            if kind == "large_pages":
                environment["LD_PRELOAD"] = library
            said = subprocess.run([sys.executable, __file__, kind, path], env=environment, check=True, stdout=subprocess.PIPE)
            expected[kind + ".mdb"] = json.loads(said.stdout)
            with open(os.path.join(path, "data.mdb"), "rb") as f:
                files[kind + ".mdb"] = f.read()
    store("lmdb", files, expected)


def nifti():
    import nibabel

    rng = np.random.default_rng(3)
    files, expected = {}, {}

    def put(name, array, slope=None, intercept=None, order="<", packed=False):
        """A volume that stores array, and a slope and intercept beside it."""
        of = nibabel.Nifti1Image
        image = of(array, np.eye(4), of.header_class(endianness=order), dtype=array.dtype)
        image.header.set_slope_inter(slope, intercept)
        data = image.to_bytes()
        back = of.from_bytes(data)
        values = back.get_fdata(dtype=np.float64).astype(np.float32)
        assert back.get_data_dtype().newbyteorder("=") == array.dtype, name
        assert back.header.endianness == order
        assert np.allclose(values, array.astype(np.float64) * (slope or 1) + (intercept or 0)), name
        files[name] = gzip.compress(data, 9, mtime=0) if packed else data
        expected[name] = dict(
            shape=[int(n) for n in array.shape[:3]],
            first=[float(v) for v in values.ravel(order="F")[:3]],
            sha256_float32=sha256(values.astype("<f4").tobytes(order="F")),
        )

    scan = rng.integers(-1000, 3000, (12, 10, 5)).astype(np.int16)
    put("int16_scaled.nii.gz", scan, 2, 5, packed=True)
    put("int16.nii.gz", scan, packed=True)
    put("int16_big_endian.nii", scan, 0.5, -7, order=">")
    put("uint8.nii", rng.integers(0, 256, (7, 6, 5)).astype(np.uint8))
    put("float32.nii", rng.normal(size=(7, 6, 5)).astype(np.float32))
    put("float32_big_endian.nii", rng.normal(size=(3, 4, 2, 1)).astype(np.float32), order=">")
    for kind in "i1 u2 i4 u4 i8 u8 f8".split():
        array = rng.uniform(0, 100, (3, 1, 2)).astype(kind)
        if kind != "f8":
            array.flat[:2] = np.iinfo(kind).min, np.iinfo(kind).max
        put(f"{kind}.nii", array)
    # What is refused: several volumes, complex numbers, NIfTI-2, a pair's header.
    refused = {
        "series.nii": nibabel.Nifti1Image(np.zeros((2, 2, 2, 3), np.uint8), np.eye(4)).to_bytes(),
        "complex.nii": nibabel.Nifti1Image(np.zeros((2, 2, 2), np.complex64), np.eye(4)).to_bytes(),
        "nifti2.nii": nibabel.Nifti2Image(np.zeros((2, 2, 2), np.uint8), np.eye(4)).to_bytes(),
    }
    pair = nibabel.Nifti1Pair(np.zeros((2, 2, 2), np.uint8), np.eye(4))
    pair.file_map = nibabel.Nifti1Pair.make_file_map({"header": tempfile.TemporaryFile(), "image": tempfile.TemporaryFile()})
    pair.to_file_map()
    header = pair.file_map["header"].fileobj
    header.seek(0)
    refused["pair.hdr"] = header.read()
    files.update(refused)
    store("nifti", files, expected)


if __name__ == "__main__":
    if len(sys.argv) == 3:  # one LMDB environment, in a process of its own
        print(json.dumps(lmdb_file(*sys.argv[1:])))
    else:
        matlab()
        lmdb_all()
        nifti()
