"""MediaPipe Tasks: a TFLite file that its ObjectDetector, ImageClassifier, ImageSegmenter, ImageEmbedder,
AudioClassifier, TextClassifier or TextEmbedder loads, on phones, on the web, in Python.
"""

import dataclasses
import typing
import zipfile

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import exporters
from kerasvision.data.class_names import as_lines
from kerasvision.export import metadata
from kerasvision.export.base import Exporter
from kerasvision.export.targets import _mediapipe_text as of_text
from kerasvision.export.targets import tflite
from kerasvision.export.targets._tflite_rounding import exact_of
from kerasvision.ops import boxes as box_ops
from kerasvision.ops.nms import tflite_boxes, with_area

DETECTOR, CLASSIFIER, SEGMENTER, EMBEDDER = "ObjectDetector", "ImageClassifier", "ImageSegmenter", "ImageEmbedder"
HEARER, READER = "AudioClassifier", "TextClassifier"
# all that a prediction of a picture holds -> the task of MediaPipe that says the same
TASKS = {
    ("boxes_xyxy", "count", "labels", "scores"): DETECTOR,
    ("confidence", "mask"): SEGMENTER,
    ("probabilities",): CLASSIFIER,
    ("present", "probabilities"): CLASSIFIER,
    ("embedding",): EMBEDDER,
}
PROMISED = {"in_set", "may_be", "least_probability", "outer_xyxy", "outer_count"}  # outputs that no task has
DETECTIONS = ("location", "category", "score", "count")  # a detector's outputs, in the order of the operator's


@exporters.register("mediapipe")
@dataclasses.dataclass(frozen=True)
class MediaPipe(Exporter):
    """`tflite/models/<name>/model_mediapipe[_<quantize>].tflite`: as `tflite`, with metadata and the labels inside.

    It takes uint8 pixels of the graph's size, batch 1. A detector's file ends in TFLite's own operator
    TFLite_Detection_PostProcess, which suppresses, and gives what that gives: `location` [1, D, 4] (top, left, bottom,
    right in parts of the image's sides), `category`, `score` [1, D] and `count` [1], float32. A classifier's gives
    `probabilities` [1, K], a segmenter's `probabilities` [1, h, w, K], an embedder's `embedding` [1, D], of length 1:
    leave `l2_normalize` off. Of several labels an image the file has each class's threshold, so that MediaPipe gives
    those that are on, with their probabilities, and no others (of `top_k`, set max_results). A classifier of sounds
    takes float32 samples [1, N] at the model's rate. quantize: as in `tflite`; the operator and its boxes stay float32.

    What MediaPipe does around the file (seen of mediapipe 0.10.21 and 1.2.2 on a processor):
    - It stretches photographs to the graph's size, whatever their sides. Train with resize="stretch", or have the app
      prepare them as `resize` says.
    - It reads pixel i of the graph at i * W / w of the photograph, not at the center of what that pixel stands for:
      things appear up to half a pixel of the graph further right and down.
    - It cuts boxes to whole pixels of the photograph, and joins equal boxes of several classes to one detection.
    - A segmenter's masks have the photograph's size. The confidence masks, float32, one a class, are the probabilities
      enlarged as `predict` does it. The category mask, uint8, is the likeliest class of probabilities enlarged from
      corner to corner (the first and last pixels of both lie on each other): near an edge it is another than that of
      the confidence masks.
    - It resamples sounds by a filter of its own, parts a recording into stretches of the model's length one behind the
      other, fills up the last one with silence, and answers each with the time of its beginning.
    - It asks a segmenter once: no windows, no mirrored images (`flips`), as the certificate's measurement has them.
    - It cuts texts at white space and looks the pieces up (`export/spellings.py`): those of training, and each word of
      the vocabulary as training spells it, alone and before a mark. The certificate says how many texts of the split
      that it is judged on have other ids so.

    A model of texts (an encoder that looks words up, such as `kim_cnn`) has two files: TextClassifier's, and
    TextEmbedder's beside it (`..._embedder.tflite`), with the encoder's vector, of length 1: leave `l2_normalize` off.

    So photographs that the app has brought to the graph's size are segmented as by `predict`: on ten of them 100 % of
    the pixels had the same class. Where MediaPipe resamples (to 64 x 64; tests/export/test_mediapipe_segmenter.py) 98.7
    to 99.9 % had it on enlarged training images, and 88 to 99 % on photographs that the tiny model had never seen and
    whose class it changes every few pixels.
    """

    home: typing.ClassVar[str] = tflite.TFLite.home
    suffixes: typing.ClassVar[tuple[str, ...]] = tflite.TFLite.suffixes

    quantize: typing.Literal["float32", "float16", "dynamic", "int8"] = "float32"

    wants_texts: typing.ClassVar[bool] = True
    writes_functions: typing.ClassVar[bool] = False  # MediaPipe's tasks call the one signature they know

    @property
    def spec(self):
        return f"mediapipe:{self.quantize}"

    @property
    def _plain(self):
        """The exporter of a file of the same arithmetic."""
        return tflite.TFLite(self.quantize)

    @classmethod
    def from_spec(cls, options):
        if len(options) > 1:
            raise UsageError(f"mediapipe:{':'.join(options)}: write mediapipe[:QUANTIZE], as in mediapipe:int8")
        return cls(*options)

    def write(self, job):
        content, *beside = self._of_text(job) if task_of(job.served.arch) == READER else [self.content(job)]
        folder, _ = self.package(job)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"model_{self.spec.replace(':', '_').removesuffix('_float32')}.tflite"
        path.write_bytes(content)
        for embedder in beside:
            of_text.embedder_path(path).write_bytes(embedder)
        tflite.write_beside(folder, job)
        return path

    def content(self, job):
        """The bytes of the file for a `Job`."""
        arch = job.served.arch
        task = task_of(arch)
        if task == READER:
            return self._of_text(job)[0]
        one = labels if "present" in arch.outputs else None
        making = {DETECTOR: detector, CLASSIFIER: one, HEARER: one}.get(task)
        predict = making(job.served) if making else None
        content = tflite.convert(job.served, self.quantize, "mixed", job.calibration, predict)
        about = {"name": job.name, "description": f"{arch.registered_name}, for MediaPipe's {task}"}
        heard = task == HEARER
        taken = metadata.audio_input(_samples(arch), arch.rate) if heard else metadata.image_input(_pixels(arch))
        return metadata.pack(content, about, taken, *_answers(task, arch), _files(task, arch, job.served.classes))

    def _of_text(self, job):
        outputs = _answers(READER, job.served.arch)[0], _files(READER, job.served.arch, job.served.classes)
        return of_text.contents(self, job, outputs)

    def exact(self, path, job):
        return exact_of(self, path, job)

    def open(self, path, arch):
        if task_of(arch) == DETECTOR:
            return DetectorRunner(path, arch)
        if task_of(arch) == READER:
            return of_text.TextRunner(path, arch)
        return LabelsRunner(path, arch) if "present" in arch.outputs else tflite.TFLiteRunner(path, arch)

    def look_inside(self, path, graph):
        return self._plain.look_inside(path, graph)

    def ops(self, path):
        return self._plain.ops(path)

    def step(self, path):
        return self._plain.step(path)

    def signature(self, path):
        return self._plain.signature(path)

    def check(self, path, runner, judge):
        yield from (
            self._plain.check(path, runner, judge)
            if task_of(judge.arch) != DETECTOR
            else super().check(path, runner, judge)
        )
        if task_of(judge.arch) == READER:
            yield from of_text.check_embedder(path, judge, self.quantize)
        if task_of(judge.arch) != EMBEDDER:  # of which no output is a class
            with zipfile.ZipFile(path) as inside:  # where MediaPipe reads them
                yield from judge.names(path, inside.read("labels.txt").decode("utf-8"))

    @property
    def precision(self):
        return self._plain.precision


def task_of(arch):
    """The task of MediaPipe that loads an architecture's file."""
    task, takes = TASKS.get(tuple(sorted(arch.outputs))), arch.prepared_inputs()
    if list(takes) == ["audio"] and task == CLASSIFIER and ("present" not in arch.outputs or arch.deciding()):
        return HEARER
    if list(takes) == ["text_bytes"] and task == CLASSIFIER and ("present" not in arch.outputs or arch.deciding()):
        of_text.check(arch)
        return READER
    if TASKS.get(tuple(sorted(arch.outputs.keys() - PROMISED))) and arch.outputs.keys() & PROMISED:
        raise KerasVisionError(
            f"mediapipe: no task of MediaPipe gives what {arch.registered_name} promises "
            f"({', '.join(k for k in arch.outputs if k in PROMISED)}); export tflite, or without the promise: "
            f"--set model.{arch.calibrates[-1]}.coverage=0"
        )
    if "present" in arch.outputs and hasattr(arch, "deciding") and arch.deciding() is None:
        raise KerasVisionError(
            f"mediapipe: {arch.registered_name} chooses a whole set of labels, and MediaPipe one label after another; "
            "export tflite"
        )
    if task is None or list(takes) != ["image"] or takes["image"].dtype != tf.uint8:
        raise KerasVisionError(
            f"mediapipe: {arch.registered_name} is neither a detector, a classifier, a segmenter nor an embedder of "
            "photos, nor a classifier of sounds or texts: it "
            f"takes {', '.join(takes)} and gives {', '.join(arch.outputs)}; export tflite, which takes any"
        )
    return task


def _files(task, arch, classes):
    """{name: text} of what the metadata name."""
    if task == EMBEDDER:
        return {}
    held = {metadata.LABELS_FILE: as_lines(classes, metadata.LABELS_FILE)}
    if _thresholds(arch):
        held[metadata.CALIBRATION_FILE] = metadata.calibration_lines(_thresholds(arch))
    return held


def _thresholds(arch):
    """Those of an architecture whose labels they decide; () of others."""
    return arch.deciding().get("thresholds", ()) if "present" in arch.outputs else ()


def _answers(task, arch):
    """(the signature's key of an output -> its table, other fields of the subgraph) of the file."""
    if task == DETECTOR:
        return dict(zip(DETECTIONS, metadata.detection_outputs(), strict=True)), metadata.detection_groups()
    if task == SEGMENTER:
        return {"probabilities": metadata.masks_output()}, metadata.segmenter_options()
    if task == EMBEDDER:
        return {
            "embedding": metadata.numbers_output("feature", "A vector of length 1; alike photos, small angles.")
        }, {}
    decided = metadata.labels_output() if _thresholds(arch) else metadata.probabilities_output()
    if "present" in arch.outputs and not _thresholds(arch):
        decided[metadata.TENSOR_DESCRIPTION] += f" The {arch.top_k} likeliest are on: set max_results={arch.top_k}."
    return {"probabilities": decided}, {}


def _samples(arch):
    """What the file says of its input of sound."""
    return (
        f"{arch.samples} samples of one channel at {arch.rate} Hz, in -1..1. MediaPipe resamples others by a filter of "
        "its own, and parts a longer recording into stretches that do not overlap."
    )


def _pixels(arch):
    """What the file says of its input."""
    said, resize = "RGB pixels, 0..255; the model normalizes them.", arch.preprocessing().get("resize")
    if resize == "windows":
        h, w = arch.prepared_inputs()["image"].shape[1:3]
        said += f" This model looks at windows of {w} x {h} pixels at the photo's own scale; MediaPipe shrinks photos."
    elif resize not in (None, "stretch"):
        h, w = arch.prepared_inputs()["image"].shape[1:3]
        said += f" MediaPipe stretches photos; this model wants resize={resize}: prepare them so, {w} x {h} pixels."
    if getattr(arch, "flips", ()):
        said += f" MediaPipe does not average over mirrored images; this model wants flips={arch.flips}."
    return said


def detector(served):
    """A tf.function of one example's prepared inputs -> the operator's four outputs, by the names in DETECTIONS."""
    arch = served.arch

    def decode(raw):
        boxes, scores = arch.candidates(raw)
        boxes = box_ops.clip(boxes, arch.image_size)  # as `decode` does before suppression; the operator does not
        scores = with_area(boxes[:, :, None], scores)  # and so this
        found = tflite_boxes(boxes, scores, arch.image_size, arch.suppression)
        return dict(zip(DETECTIONS, found, strict=True))

    return served.fixed(decode=decode)


def labels(served):
    """A tf.function of one example's prepared inputs -> `probabilities` alone, the one output that MediaPipe reads."""
    return served.fixed(decode=lambda raw: {"probabilities": served.arch.probabilities(raw)})


class LabelsRunner(tflite.TFLiteRunner):
    """A `Runner` that says which classes are on, as MediaPipe does by the thresholds in the file."""

    def infer(self, inputs):
        found = super().infer(inputs)
        return found | {"present": self.arch.present(tf.constant(found["probabilities"])).numpy()}


class DetectorRunner(tflite.TFLiteRunner):
    """A `Runner` that turns the operator's outputs into the prediction that they stand for, in pixels of the graph."""

    def infer(self, inputs):
        found = super().infer(inputs)
        count = found["count"].astype(np.int32)
        real = np.arange(found["score"].shape[1]) < count[:, None]  # beyond the count they mean nothing
        h, w = self.arch.image_size
        boxes = np.clip(found["location"][..., [1, 0, 3, 2]], 0, 1) * np.float32([w, h, w, h])
        return {
            "boxes_xyxy": np.where(real[..., None], boxes, np.float32(0)),
            "scores": np.where(real, found["score"], np.float32(0)),
            "labels": np.where(real, found["category"], -1).astype(np.int32),
            "count": count,
        }
