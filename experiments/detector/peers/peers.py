"""Detectors that somebody would take instead, on the zips that experiments/detector wrote: the same good images, the same tests.

    python peers.py WORK RESULTS [CASE-REGEXP]

Each case is a result file of strata's (RESULTS/CASE.json), whose images are those of its zips, and becomes RESULTS/peers/CASE.json. A peer is
fitted on all good images; strata holds a fifth of them out. AUROC is of good against unusual, as strata's.
"""

import io
import json
import os
import re
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pyod
import sklearn
from PIL import Image
from skimage.color import rgb2gray
from skimage.feature import hog
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from pyod.models.ecod import ECOD
from pyod.models.knn import KNN

SEED = 1


def read(path):
    with zipfile.ZipFile(path) as z:
        return np.stack([np.asarray(Image.open(io.BytesIO(z.read(name)))) for name in sorted(z.namelist())])


def pixels(images):
    return images.reshape(len(images), -1).astype(np.float32) / 255


def features(images):
    """HOG of the luma and, of RGB, histograms of 8 bins a channel: 324 + 24 (+ 8 of grey) numbers."""
    rows = []
    for image in images:
        grey = image / 255 if image.ndim == 2 else rgb2gray(image)
        h = hog(grey, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2), feature_vector=True)
        channels = [image] if image.ndim == 2 else [image[..., c] for c in range(3)]
        colours = [np.histogram(c, bins=8, range=(0, 256))[0] / c.size for c in channels]
        rows.append(np.concatenate([h, *colours]))
    return np.asarray(rows, np.float32)


class Reconstruction:
    """The squared error of PCA that keeps 95 % of the variance."""

    def fit(self, x):
        self.pca = PCA(n_components=0.95, svd_solver="full").fit(x)
        return self

    def unusual(self, x):
        return np.square(x - self.pca.inverse_transform(self.pca.transform(x))).sum(1)


class Forest:
    def fit(self, x):
        self.forest = IsolationForest(n_estimators=200, random_state=SEED).fit(x)
        return self

    def unusual(self, x):
        return -self.forest.score_samples(x)


class OfPyOD:
    def __init__(self, model):
        self.model = model

    def fit(self, x):
        self.model.fit(x)
        return self

    def unusual(self, x):
        return self.model.decision_function(x)


PEERS = {
    "isolation forest, pixels": (Forest, pixels),
    "isolation forest, features": (Forest, features),
    "PCA error, pixels": (Reconstruction, pixels),
    "PCA error, features": (Reconstruction, features),
    "ECOD, features": (lambda: OfPyOD(ECOD()), features),
    "kNN (5), features": (lambda: OfPyOD(KNN(n_neighbors=5)), features),
}


def zip_name(images):
    """As images.file of cases.go."""
    name = f"{images['set']}-{images['split']}"
    classes = images.get("classes")
    if classes and len(classes) == 1:
        name += "-" + classes[0]
    elif classes:
        name += "-without"
        for every in (CIFAR, SCENES):
            if classes[0] in every:
                name += "".join("-" + c for c in every if c not in classes)
    if images.get("most"):
        name += f"-{images['most']}"
    return name + ".zip"


CIFAR = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
SCENES = ["buildings", "forests", "glacier", "mountains", "sea", "street"]


def cpu():
    with open("/proc/cpuinfo") as lines:
        return next((l.split(":", 1)[1].strip() for l in lines if l.startswith("model name")), "")


def case(work, strata):
    sets = work / "sets"
    good, test = read(sets / zip_name(strata["good"])), read(sets / zip_name(strata["test"]))
    against = {a["name"]: read(sets / zip_name(a["images"])) for a in strata["against"]}
    result = {
        "name": strata["name"], "good_images": len(good), "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "cpu": cpu(),
        "cores": os.cpu_count(), "load": os.getloadavg()[0], "seed": SEED,
        "versions": {"python": sys.version.split()[0], "numpy": np.__version__, "scikit-learn": sklearn.__version__, "pyod": pyod.__version__},
        "peers": {},
    }
    prepared = {}
    for of in (pixels, features):
        begun = time.time()
        prepared[of] = of(good), of(test), {name: of(images) for name, images in against.items()}
        count = len(good) + len(test) + sum(map(len, against.values()))
        prepared[of] += ((time.time() - begun) / count,)
    for name, (make, of) in PEERS.items():
        x, y, others, each = prepared[of]
        begun = time.time()
        model = make().fit(x)
        fit = time.time() - begun + each * len(x)
        begun = time.time()
        inside = model.unusual(y)
        rate = 1 / ((time.time() - begun) / len(y) + each)
        areas = {}
        for what, z in others.items():
            scores = np.concatenate([inside, model.unusual(z)])
            areas[what] = round(100 * float(roc_auc_score(np.r_[np.zeros(len(y)), np.ones(len(z))], scores)), 2)
        result["peers"][name] = {"auroc": areas, "fit_seconds": round(fit, 1), "images_per_second": round(rate)}
        print(strata["name"], name, result["peers"][name], flush=True)
    return result


def main():
    work, results = Path(sys.argv[1]), Path(sys.argv[2])
    matching = re.compile(sys.argv[3] if len(sys.argv) > 3 else "")
    out = results / "peers"
    out.mkdir(exist_ok=True)
    done = {}
    for path in sorted(results.glob("*.json")):
        strata = json.loads(path.read_text())
        to = out / path.name
        if not matching.search(strata["name"]) or to.exists():
            continue
        key = json.dumps([strata["good"], strata["test"], [a["images"] for a in strata["against"]]])
        if key not in done:
            done[key] = case(work, strata)
        beside = out / (path.name + ".part")
        beside.write_text(json.dumps({**done[key], "name": strata["name"]}, indent=1) + "\n")
        beside.rename(to)


main()
