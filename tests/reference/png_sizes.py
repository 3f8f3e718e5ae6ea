"""Writes pkg/score/testdata/png_sizes.json: bytes of PNG files by OpenCV at level 9 of images that the test makes anew.

/usr/bin/python3 tests/reference/png_sizes.py    (Debian 12: python3-opencv 4.6, libpng 1.6.39, zlib 1.2.13)

Image k of a shape: value i is (x * (k mod 4) + noise mod (k^2 + 1)) mod 256, x the column, noise a linear congruential generator, so that
they reach from constant to incompressible. OpenCV takes BGR: it is handed the image reversed, so that the file holds the image.
"""

import json
import os

import cv2
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def image(h, w, c, k):
    state, values = 12345 + k, []
    for i in range(h * w * c):
        state = (state * 1103515245 + 12345) % 2**31
        values.append((i // c % w * (k % 4) + (state >> 8) % (k * k + 1)) % 256)
    return np.array(values, np.uint8).reshape(h, w, c)


rows = []
for h, w, c in [(32, 32, 3), (32, 32, 1), (28, 28, 1), (1, 1, 3), (1, 40, 3), (40, 1, 1), (7, 5, 3), (100, 100, 3), (128, 128, 1)]:
    sizes = [len(cv2.imencode(".png", image(h, w, c, k)[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]) for k in range(18)]
    rows.append({"height": h, "width": w, "channels": c, "bytes": sizes})
folder = os.path.join(HERE, "..", "..", "pkg", "score", "testdata")
os.makedirs(folder, exist_ok=True)
with open(os.path.join(folder, "png_sizes.json"), "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
