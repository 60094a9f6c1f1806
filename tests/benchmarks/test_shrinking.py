"""What `antialias` gives for large photographs, and what it costs.

Photographs: Debian's `lomiri-wallpapers-16.04` and `mate-backgrounds` (2 to 16 megapixels), and cut-out objects of
`tuxpaint-stamps-default`, installed or unpacked (`apt-get download NAME && dpkg -x NAME*.deb FOLDER`) below
KERASVISION_DEBIAN. The network: EfficientNet-Lite0 with ImageNet weights.

    KERASVISION_DEBIAN=FOLDER pytest -m benchmark -n 0 -s tests/benchmarks/test_shrinking.py
"""

import dataclasses
import functools
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from PIL import Image

from kerasvision.core.registry import pretrained
from kerasvision.ops import geometry as geo
from kerasvision.tasks.image import ImageModel
from tests.benchmarks.ratios import paired

pytestmark = pytest.mark.benchmark
ROOT = pathlib.Path(os.environ.get("KERASVISION_DEBIAN", "/")) / "usr/share"
WAYS = {  # name -> (resample, antialias)
    "bilinear": ("bilinear", False),
    "bilinear, antialias": ("bilinear", True),
    "bicubic": ("bicubic", False),
    "bicubic, antialias": ("bicubic", True),
    "area": ("area", False),
}
CUTS = 8  # windows of a photograph, each a picture of its own
SCENE = 1120  # pixels of a scene's side: five times the graph's
STAMPS = {
    "bird": "animals/birds",
    "fish": "animals/fish",
    "flower": "plants/flowers",
    "fruit": "food/fruit",
    "vegetable": "food/vegetables",
    "mammal": "animals/mammals",
    "tool": "household/tools",
    "vehicle": "vehicles",
}


@functools.cache
def large_photographs():
    """uint8 [H, W, 3] of 2 megapixels and more."""
    files = [*ROOT.glob("backgrounds/*_by_*.jpg"), *ROOT.glob("backgrounds/mate/nature/*.jpg")]
    if len(files) < 20:
        pytest.skip("set KERASVISION_DEBIAN to where Debian's packages of this file's docstring are unpacked")
    read = [np.asarray(Image.open(f).convert("RGB")) for f in sorted(files)]
    return [p for p in read if p.shape[0] * p.shape[1] > 2e6]


def pictures():
    """Windows of 0.3 to 1 of a photograph's sides, all more than twice as large as the graph's."""
    rng = np.random.default_rng(0)
    for photograph in large_photographs():
        for _ in range(CUTS):
            h, w = (np.array(photograph.shape[:2]) * rng.uniform(0.4, 1.0)).astype(int)
            y, x = (int(rng.integers(0, most + 1)) for most in (photograph.shape[0] - h, photograph.shape[1] - w))
            yield photograph[y : y + h, x : x + w]


@functools.cache
def imagenet():
    return pretrained["imagenet/efficientnet_lite0"]().load()[:2]


def prepared(picture, resample, antialias):
    """uint8 [224, 224, 3] by the product's own geometry."""
    arch = dataclasses.replace(imagenet()[0], resample=resample, antialias=antialias)
    return arch.geometry({"image": tf.constant(picture[None])})[0]["image"][0].numpy()


def shrunk_by_pillow(picture, resample, fraction):
    """The same window, by a filter that widens with the scale."""
    h, w = picture.shape[:2]
    side = round(min(h, w) * fraction)
    top, left = (h - side) // 2, (w - side) // 2
    return np.asarray(Image.fromarray(picture[top : top + side, left : left + side]).resize((224, 224), resample))


def probabilities(images):
    arch, graph = imagenet()
    parts = [images[i : i + 32] for i in range(0, len(images), 32)]
    logits = [graph(arch.normalize({"image": tf.constant(np.stack(p))}))["logits"] for p in parts]
    return tf.nn.softmax(tf.concat(logits, 0)).numpy()


def test_answers_agree_with_those_for_a_picture_that_was_shrunk_well():
    arch, _ = imagenet()
    references = {
        name: probabilities([shrunk_by_pillow(p, filter_, arch.crop_fraction) for p in pictures()])
        for name, filter_ in (("bicubic", Image.Resampling.BICUBIC), ("lanczos", Image.Resampling.LANCZOS))
    }
    found = {}
    for way, (resample, antialias) in WAYS.items():
        seen = probabilities([prepared(p, resample, antialias) for p in pictures()])
        for name, reference in references.items():
            same = (seen.argmax(1) == reference.argmax(1)).mean()
            apart = 0.5 * np.abs(seen - reference).sum(1).mean()
            found[way, name] = same
            print(f"{way:20} and Pillow's {name:8}: top-1 agrees {same:.3f}, total variation {apart:.3f}", flush=True)
    print(f"{len(reference)} pictures; the two references agree in", end=" ")
    print(f"{(references['bicubic'].argmax(1) == references['lanczos'].argmax(1)).mean():.3f}")
    assert found["bilinear, antialias", "bicubic"] > found["bilinear", "bicubic"]


@functools.cache
def stamps():
    """[(class, object, RGBA picture)]: a mirrored copy or another pose of an object has its name."""
    found = []
    for number, folder in enumerate(STAMPS.values()):
        for path in sorted((ROOT / "tuxpaint/stamps" / folder).rglob("*.png")):
            picture = Image.open(path).convert("RGBA")
            if min(picture.size) >= 80 and "mirror" not in path.stem:
                found.append((number, path.stem.rstrip("0123456789-_"), picture))
    if not found:
        pytest.skip("KERASVISION_DEBIAN has no tuxpaint-stamps-default")
    return found


def scenes(part):
    """Each stamp once, `part` of a scene's side large, somewhere on a photograph: (uint8 [S, S, 3], box xyxy)."""
    rng = np.random.default_rng(1)
    behind = [p for p in large_photographs() if min(p.shape[:2]) >= SCENE]
    for _, _, stamp in stamps():
        photograph = behind[rng.integers(len(behind))]
        y, x = (int(rng.integers(0, n - SCENE + 1)) for n in photograph.shape[:2])
        scene = Image.fromarray(photograph[y : y + SCENE, x : x + SCENE])
        factor = part * SCENE / max(stamp.size)
        w, h = (max(1, round(n * factor)) for n in stamp.size)
        left, top = (int(rng.integers(0, SCENE - n + 1)) for n in (w, h))
        moved = stamp.resize((w, h), Image.Resampling.LANCZOS)
        scene.paste(moved, (left, top), moved)
        yield np.asarray(scene), (left, top, left + w, top + h)


@functools.cache
def levels():
    arch, graph = imagenet()
    image = keras.Input((224, 224, 3), name="image")
    made = arch.backbone(image)
    model = keras.Model({"image": image}, list(made.values()))
    arch.backbone.load(model)
    return model


def described(part, way):
    """Features of each scene, float [N, D]: of the whole picture, or, of small objects, of their box at stride 16."""
    rows = []
    for scene, box in scenes(part):
        pixels = geo.fit_images(tf.constant(scene[None]), (224, 224), "stretch", way[0], antialias=way[1])[0]
        maps = levels()({"image": imagenet()[0].normalize({"image": pixels})["image"]})
        if part > 0.3:
            rows.append(maps[-1][0].numpy().mean((0, 1)))
            continue
        fine = next(m for m in maps if m.shape[1] == 14)[0].numpy()
        x1, y1, x2, y2 = (np.array(box) * 14 / SCENE).astype(float)
        rows.append(fine[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))].mean((0, 1)))
    return np.stack(rows)


@pytest.mark.parametrize("part", [0.6, 0.15], ids=["objects of 134 px", "objects of 34 px"])
def test_frozen_features_tell_classes(part):
    """Logistic regression, five folds without an object in two of them, over three splits; the same scenes each way."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels, groups = np.array([s[0] for s in stamps()]), np.array([s[1] for s in stamps()])
    right = {}
    for name in ("bilinear", "bilinear, antialias", "area"):
        x, held = described(part, WAYS[name]), []
        for seed in range(3):
            hits = np.zeros(len(labels), bool)
            for train, test in StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(x, labels, groups):
                fitted = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
                hits[test] = fitted.fit(x[train], labels[train]).predict(x[test]) == labels[test]
            held.append(hits)
        right[name] = np.mean(held, 0)
        change = right[name] - right["bilinear"]
        error = change.std() / len(change) ** 0.5
        print(f"{name:20} {right[name].mean():.3f} of {len(labels)}, change {change.mean():+.3f} +- {1.96 * error:.3f}")
    assert right["bilinear, antialias"].mean() > right["bilinear"].mean() - 0.03


@pytest.mark.parametrize("hw", [(3000, 4000), (375, 500)])
def test_what_it_costs(hw):
    from skimage import data

    encoded = tf.io.encode_jpeg(tf.cast(tf.image.resize(data.astronaut()[:384], hw), tf.uint8))
    pixels = tf.io.decode_jpeg(encoded)[None]

    def function(resample, antialias):
        spec = tf.TensorSpec([None, None, None, 3], tf.uint8)
        made = tf.function(
            lambda x: geo.fit_images(x, (224, 224), "stretch", resample, antialias=antialias)[0],
            input_signature=[spec],
            autograph=False,
        )
        return lambda: [made(pixels) for _ in range(10)]

    plain = function("bilinear", False)
    for name in ("bilinear, antialias", "area"):
        _, with_it, without = paired(function(*WAYS[name]), plain, rounds=15)
        print(f"{hw}: {name} {100 * with_it:.2f} ms, bilinear {100 * without:.2f} ms")
    _, decoding, _ = paired(lambda: [tf.io.decode_jpeg(encoded) for _ in range(10)], plain, rounds=7)
    print(f"{hw}: decoding the JPEG {100 * decoding:.2f} ms")
    assert with_it > 0 and issubclass(type(imagenet()[0]), ImageModel)
