"""What the contract tests know of every architecture: a tiny instance and a few real samples. One that is not in CASES,
and whose family has no default, fails `test_cases.py`.
"""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.registry import architectures, create
from kerasvision.data.sources.base import Opened, Source, Split
from tests.contract import (
    audio_cases,
    captioning_cases,
    detection_cases,
    embedding_cases,
    incomplete_cases,
    multi_modal_cases,
    reading_cases,
    segmentation_cases,
    self_supervised_cases,
    text_cases,
    tracking_cases,
    volume_cases,
)
from tests.contract.case import PHOTOGRAPHS, Case, crops


def tiny_backbone():
    """Levels c0 and c1 of 4 and 8 channels."""
    return create("backbones/convnet", width=4, blocks=(1, 1))


def single_label_samples():
    return [{"image": image, "label": np.int32(label)} for image, label in crops()]


def numbers_samples():
    """Brightness and contrast of a window, as `targets`."""
    return [{"image": i, "targets": np.float32([i.mean(), 10 * i.std()])} for i, _ in crops()]


def multi_label_samples():
    """Two windows side by side hold two labels; one window alone holds one."""
    samples = []
    for (a, i), (b, j) in zip(crops(), crops()[3:] + crops()[:3], strict=True):
        side = min(len(a), len(b))
        labels = np.unique([i, j]).astype(np.int32)
        samples.append({"image": np.concatenate([a[:side], b[:side]], 1), "labels": labels})
    return samples


def pair_samples():
    """Two windows of one photograph, or of two."""
    pairs = [(0, 1, 1), (2, 3, 1), (4, 5, 1), (6, 7, 1), (0, 2, 0), (3, 5, 0), (4, 6, 0), (1, 7, 0)]
    return [
        {"image_0": {"image": crops()[a][0]}, "image_1": {"image": crops()[b][0]}, "label": np.int32(same)}
        for a, b, same in pairs
    ]


def text_samples():
    return [
        {"tokens": np.array([ord(c) for c in line], np.int32), "label": np.int32(k)} for line, k in text_cases.LINES
    ]


def volume_samples():
    """Four scikit-learn digits of one class, one behind the other."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    samples = []
    for label in (0, 1):
        images = digits.images[digits.target == label][:16].reshape(4, 4, 8, 8, 1).astype(np.float32)
        samples += [{"volume": volume, "label": np.int32(label)} for volume in images]
    return samples


def point_samples():
    """Stars and galaxies: windows of the Hubble deep field with the one to three brightest spots."""
    from skimage import data, feature, filters

    field = data.hubble_deep_field()
    samples = []
    for number, (y, x) in enumerate([(300, 200), (420, 333), (500, 600), (150, 700)]):
        image = np.ascontiguousarray(field[y : y + 64, x : x + 80 - 16 * (number % 2)])
        bright = filters.gaussian(image.mean(-1), 2)
        peaks = feature.peak_local_max(bright, min_distance=16, exclude_border=4, num_peaks=1 + number % 3)
        samples.append({"image": image, "points_xy": (peaks[:, ::-1] + 0.5).astype(np.float32)})
    return samples


def _classifier(name):
    return lambda: create(name, num_classes=4, backbone=tiny_backbone(), image_size=(16, 16))


CASES = {
    "classification/classifier": Case(_classifier("classification/classifier"), single_label_samples, PHOTOGRAPHS),
    "classification/multi_label": Case(_classifier("classification/multi_label"), multi_label_samples, PHOTOGRAPHS),
    "classification/label_powerset": Case(
        lambda: create(
            "classification/label_powerset",
            num_classes=4,
            backbone=tiny_backbone(),
            image_size=(16, 16),
            label_sets=((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)),
        ),
        multi_label_samples,
        PHOTOGRAPHS,
    ),
    **{
        f"classification/{name}": Case(_classifier(f"classification/{name}"), multi_label_samples, PHOTOGRAPHS)
        for name in ("classifier_chain", "label_embedding", "label_attention")
    },
    "regression/regressor": Case(
        lambda: create(
            "regression/regressor",
            num_outputs=2,
            center=(100.0, 400.0),
            scale=(50.0, 200.0),
            backbone=tiny_backbone(),
            image_size=(16, 16),
        ),
        numbers_samples,
        ("brightness", "contrast"),
    ),
    **detection_cases.CASES,
    **embedding_cases.CASES,
    **segmentation_cases.CASES,
    **self_supervised_cases.CASES,
    **incomplete_cases.CASES,
    **text_cases.CASES,
    **audio_cases.CASES,
    **captioning_cases.CASES,
    **multi_modal_cases.CASES,
    **tracking_cases.CASES,
    "toys/siamese": Case(lambda: create("toys/siamese"), pair_samples, ("different", "same")),
    "toys/text": Case(lambda: create("toys/text", num_classes=2), text_samples, ("English", "German")),
    "toys/volume": Case(lambda: create("toys/volume", num_classes=2), volume_samples, ("zero", "one")),
    "toys/points": Case(
        lambda: create("toys/points"),
        point_samples,
        ("point",),
        assigns_in_loss="the cell of a point is the one whose prediction is nearest at that moment",
        overfit=(200, 0.1),
    ),
}
FAMILIES = {
    "detection": detection_cases.default,
    "generation": incomplete_cases.default,
    "semantic_segmentation": segmentation_cases.default,
    "text_detection": reading_cases.finder,
    "text_recognition": reading_cases.recognizer,
    "volume_segmentation": volume_cases.segmenter,
    "volume_classification": volume_cases.classifier,
}  # family -> name -> the case of an architecture that is not listed
CASES |= {
    name: FAMILIES[name.split("/")[0]](name)
    for name in architectures.names()
    if name not in CASES and name.split("/")[0] in FAMILIES
}
TOYS = tuple(name for name in CASES if name.startswith("toys/"))

# name -> why quantization-aware training cannot wrap its graph
TWO_STAGE = "suppression and RoIAlign stand in the middle of the graph, and have no integer form"
TAKES_IDS = "tensorflow-model-optimization rounds every input, and ids are no numbers to be rounded"
SEES_TWO = "tensorflow-model-optimization folds no batch normalization of a layer that sees two pictures"
CONVOLVES_VOLUMES = "tensorflow-model-optimization has no rule for Conv3D"
EXEMPT_FROM_QAT = {
    "instance_segmentation/mask_rcnn": TWO_STAGE,
    "detection/faster_rcnn": TWO_STAGE,
    "toys/text": "tensorflow-model-optimization has no rule for Embedding",
    "toys/volume": CONVOLVES_VOLUMES,
    "volume_segmentation/unet3d": CONVOLVES_VOLUMES,
    "volume_segmentation/vnet": CONVOLVES_VOLUMES,
    "volume_classification/cnn3d": CONVOLVES_VOLUMES,
    "self_supervised/masked_autoencoder": "masks and statistics of visible positions have no integer form, nor a use",
    "text_recognition/crnn": "tensorflow-model-optimization has no rule for Bidirectional",
    **dict.fromkeys((*text_cases.CASES, *multi_modal_cases.CASES, *captioning_cases.CASES), TAKES_IDS),
    "embedding/image_text": TAKES_IDS,
    **dict.fromkeys(tracking_cases.CASES, SEES_TWO),
}

# name -> why its graph has no vector that stands for an example
EXEMPT_FROM_EMBEDDING = {
    "generation/partial_unet": "its skips carry the picture past every level",
    **dict.fromkeys(tracking_cases.CASES, "two pictures are compared, and no vector stands for a pair"),
    "toys/siamese": "says none",
    "toys/text": "says none",
    "toys/volume": "says none",
    "toys/points": "says none",
}
EXEMPT_FROM_TARGETS = (
    *("generation/cvae", "generation/partial_unet"),  # what a pixel is filled with is nothing that is decided
    *("toys/siamese", "toys/text", "toys/volume", "toys/points", *tracking_cases.CASES),
    *text_cases.CASES,  # ids have no gradient
    "embedding/image_text",
    *multi_modal_cases.CASES,
)
# family, or one of its architectures -> the raw key that is made of the embedding alone
HEADS = {
    "classification": "logits",
    "volume_classification": "logits",
    "regression": "values",
    "text_classification": "logits",
    "multi_modal": "logits",
    "multi_modal/regressor": "values",
    "text_regression": "values",
    "embedding/proxies": "cosines",
    "self_supervised": "projection",
    **self_supervised_cases.HEADS,
    "classification/nearest_class": "products",
}
EXEMPT_FROM_HEADS = {
    "classification/label_attention": "each label looks at positions of its own",
    **self_supervised_cases.EXEMPT_FROM_HEADS,
}


# One of each family, and of each way a family's graphs differ from the others': what costs minutes runs for these by
# default, and for every architecture under the mark `nightly`.
REPRESENTATIVES = (
    "classification/classifier",
    "classification/incomplete_classifier",  # knows which pixels are there
    "detection/retinanet",
    "embedding/proxies",
    "generation/cvae",
    "instance_segmentation/mask_rcnn",  # two stages, and masks
    "regression/regressor",
    "semantic_segmentation/unet",
    "text_classification/classifier",
    "toys/siamese",  # two images
    "volume_segmentation/unet3d",
)

# of these, the ones that go through every exporter and server by default
WHOLE_EXPORTS = (
    "classification/classifier",
    "detection/retinanet",
    "semantic_segmentation/unet",
    "toys/siamese",
)
# and those whose float file is certified by default: two stages, of which a plain comparison says nothing
CERTIFIED = ("instance_segmentation/mask_rcnn",)


def names():
    """Every architecture there is, and every case: what is in one and not in the other must fail."""
    return sorted({*architectures.names(), *CASES})


def graded(default=REPRESENTATIVES):
    """`names` for `parametrize`, nightly where those of `default` stand in for the rest."""
    return [pytest.param(n, marks=() if n in default else pytest.mark.nightly) for n in names()]


@dataclasses.dataclass(frozen=True)
class CaseSamples(Source):
    """The samples of a case as training split, `copies` times over, as test split, and on demand for validation.

    Registered as `sources/contract_case` while the contract tests run.
    """

    case: str
    copies: int = 1
    validation: bool = False

    def open(self):
        case = CASES[self.case]
        held = case.samples()
        spec = {k: _spec([s[k] for s in held]) for k in held[0]}
        records = tf.data.Dataset.from_generator(lambda: iter(held), output_signature=spec)
        train = Split(records.repeat(self.copies), _as_it_is, len(held) * self.copies)
        other = Split(records, _as_it_is, len(held))
        judging = {"validation": other, "test": other} if self.validation else {"test": other}
        return Opened(case.classes, {"train": train} | judging)


def _as_it_is(sample):
    return sample


def _spec(values):
    """What the values of one key have in common; an axis of any length where they differ, and in every image."""
    if isinstance(values[0], dict):
        return {k: _spec([v[k] for v in values]) for k in values[0]}
    shapes = [np.shape(v) for v in values]
    shape = [a[0] if len(set(a)) == 1 else None for a in zip(*shapes, strict=True)]
    if len(shape) == 3 and shape[-1] == 3:
        shape[:2] = None, None
    return tf.TensorSpec(shape, np.asarray(values[0]).dtype)
