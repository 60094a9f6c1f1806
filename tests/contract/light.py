"""What an architecture owes by default that is no representative: it learns, and a .tflite answers as its graph."""

import dataclasses

import numpy as np
import tensorflow as tf

from kerasvision.core.registry import create
from kerasvision.export.targets.tflite import convert
from kerasvision.inference.served import Served
from kerasvision.ops.nms import Suppression
from tests.contract import contracts

# at night: whose file has the same layers as another's that is written by day. The stages of Mask R-CNN; heads of
# classification and regression behind the same encoder of texts, and behind the fusions of tests/fusions; and backbones
# of which a file has the embedding alone, whose losses are compared with closed forms and other libraries in
# tests/losses (test_pairs.py, test_views.py) and tests/tasks (test_dense.py, test_jigsaw.py), and learn by day in
# tests/train (test_collapse.py, test_momentum_teacher.py) or as `self_supervised/rotation` does; and the follower with
# fewer heads, of which tests/tasks/test_tracking.py makes an int8 file; the V-Net beside the U-Net of volumes; the
# transformer of captions beside their recurrent decoder, which has a beam; YOLO beside SSD, and EAST beside DB
LIKE_ANOTHER = (
    "audio_classification/multi_label",
    "captioning/transformer",
    "detection/faster_rcnn",
    "detection/yolo",
    "embedding/pairs",
    "embedding/pretrained",
    *(f"self_supervised/{name}" for name in ("barlow_twins", "byol", "dense", "dino", "jigsaw", "moco")),
    *(f"self_supervised/{name}" for name in ("simclr", "simsiam", "vicreg")),
    "multi_modal/multi_label",
    "multi_modal/regressor",
    "text_classification/multi_label",
    "text_detection/east",
    "text_regression/regressor",
    "tracking/siamfc",
    "volume_segmentation/vnet",
)
FALLS = 40, 0.5  # steps, and the fraction of the first loss that is left at most; the slowest has 0.29 left
APART = 1e-3  # of scores: an error of float32 beyond it is one of the conversion


def sure(arch):
    """A detector that says all that it thinks: after a few steps it is sure of nothing, and no answer says nothing."""
    if not hasattr(arch, "suppression"):
        return arch
    return dataclasses.replace(arch, suppression=Suppression(score_threshold=0.0))


def check_light(arch, graph, case, folder, within=FALLS, compares=True):
    """The loss of one batch falls, as far as `within` says, or the case where it is None; a float .tflite of what has
    learned has builtin operators alone, and its answers are the graph's. compares: False where the graph itself decides
    what it looks at, so that rounding may change all.
    """
    contracts.check_overfits(arch, graph, case, within)
    arch, exporter = sure(arch), create("exporters/tflite")
    served, path = Served(arch, graph, case.classes), folder / "model.tflite"
    path.write_bytes(convert(served, "float32", "mixed", ()))
    beyond = [op for op in exporter.ops(path) if op.startswith(("Flex", "Custom"))]
    assert not beyond, f"a plain interpreter lacks {beyond}"
    runner = exporter.open(path, arch)
    for sample in case.samples()[:3]:
        inputs = {k: v[None] for k, v in arch.inputs_of(sample).items()}
        answer = runner(inputs)
        assert {k: v.dtype.name for k, v in answer.items()} == {k: o.dtype for k, o in arch.outputs.items()}
        assert all(np.isfinite(v.astype(float)).all() for v in answer.values())
        if compares:
            judged = {k: v.numpy() for k, v in served.judge({k: tf.constant(v) for k, v in inputs.items()}).items()}
            error, largest = arch.compare(judged, answer)[0][0], arch.magnitude(judged)[0]
            assert error <= APART * max(1.0, largest), f"the file's answer is {error:.2g} off"
