"""What every architecture over one sound shares: how its samples become a picture, which an image backbone sees."""

import abc
import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.errors import SAYS, UsageError
from kerasvision.core.registry import backbones
from kerasvision.ops import mel, sound
from kerasvision.ops.sound_bounds import LOUDEST, LOUDEST_LINE, RATE_LINE, RATES
from kerasvision.tasks.base import PREPROCESS, Architecture, Input


@dataclasses.dataclass(frozen=True)
class AudioModel(Architecture):
    """Abstract. A sound of any rate becomes `seconds` of it at `rate`, and that a picture within the graph of every
    file (`ops/mel.py`): rows are moments, columns bands of frequencies from low to high, all three channels alike.

    rate: samples a second that the graph sees; another is resampled (`ops/sound.py`). seconds: what is longer is cut
    off behind, what is shorter has silence behind it. frame: samples of each transform, hop: from one to the next.
    bands: between lowest_hz and highest_hz (0: half of the rate), equally far apart on the scale of pitch. decibels:
    what becomes 0 and 255 of a picture; what is beyond is cut off.
    """

    backbone: Backbone = dataclasses.field(default_factory=lambda: backbones["convnet"]())
    rate: int = 16_000
    seconds: float = 1.0
    frame: int = 512
    hop: int = 160
    bands: int = 64
    lowest_hz: float = 0.0
    highest_hz: float = 0.0
    scale: mel.Scale = "slaney"
    decibels: tuple[float, float] = (-60.0, 40.0)

    def __post_init__(self):
        super().__post_init__()
        what, (least, most) = self.registered_name, RATES
        if not least <= self.rate <= most or min(self.hop, self.bands) < 1 or self.frame < 2 or self.frame % 2:
            raise UsageError(
                f"{what}: rate={self.rate}, frame={self.frame}, hop={self.hop}, bands={self.bands}; allowed: a rate of "
                f"{least} to {most}, an even frame, and 1 or more of the others"
            )
        if not 0 <= self.lowest_hz < self.to_hz <= self.rate / 2:
            raise UsageError(
                f"{what}: lowest_hz={self.lowest_hz:g}, highest_hz={self.highest_hz:g}; allowed: low below high, which "
                f"is at most {self.rate / 2:g} of rate={self.rate}"
            )
        if len(self.decibels) != 2 or not self.decibels[0] < self.decibels[1]:
            raise UsageError(f"{what}: decibels={self.decibels}; allowed: (low, high), low below high")
        if not mel.frames_of(self.samples, self.frame, self.hop):
            raise UsageError(
                f"{what}: seconds={self.seconds:g} are {self.samples} samples, fewer than a frame of {self.frame}; "
                "set more seconds or a shorter frame"
            )
        if empty := int((~self._filters().any(0)).sum()):
            raise UsageError(
                f"{what}: {empty} of bands={self.bands} lie between two frequencies of a frame of {self.frame}; set "
                "fewer bands or a longer frame"
            )

    @property
    def to_hz(self):
        """The upper end of the highest band."""
        return self.highest_hz or self.rate / 2

    @property
    def samples(self):
        """Of a sound as the graph sees it."""
        return round(self.rate * self.seconds)

    @property
    def picture_hw(self):
        """(int, int): rows, moments one `hop` after another, and columns, `bands`, of the picture of a sound."""
        return mel.frames_of(self.samples, self.frame, self.hop), self.bands

    def _filters(self):
        return mel.filters(self.rate, self.frame, self.bands, self.lowest_hz, self.to_hz, self.scale)

    def serving_inputs(self):
        audio = tf.TensorSpec([None, None], tf.float32, name="audio")
        return {
            "audio": Input(audio, "audio"),
            "rate": Input(tf.TensorSpec([None], tf.int32, name="rate"), "numbers", read_with="audio"),
        }

    def prepared_inputs(self):
        return {"audio": tf.TensorSpec([None, self.samples], tf.float32, name="audio")}

    def geometry(self, inputs):
        audio, rate = inputs["audio"], inputs["rate"]
        with tf.control_dependencies(_checks(audio, rate)):
            held = tf.map_fn(
                lambda pair: sound.fitted(*pair, self.rate, self.samples),
                (tf.identity(audio), tf.identity(rate)),
                fn_output_signature=tf.TensorSpec([self.samples], tf.float32),
            )
        return {"audio": held}, {}

    def example(self, sample):
        prepared, targets = super().example(sample)
        return prepared | ({sound.MASKED: sample[sound.MASKED]} if sound.MASKED in sample else {}), targets

    def normalize(self, prepared):
        """`masked` among the inputs: an augmentation hides these rectangles, behind the picture's own mean."""
        low, high = self.decibels
        held = mel.decibels(prepared["audio"], self._filters(), self.frame, self.hop)
        held = tf.clip_by_value((held - low) * (255.0 / (high - low)), 0.0, 255.0)
        if sound.MASKED in prepared:
            hidden = sound.covered(prepared[sound.MASKED], *self.picture_hw)
            held += hidden * (tf.reduce_mean(held, [1, 2], keepdims=True) - held)
        return {"image": self.backbone.normalization(tf.tile(held[..., None], [1, 1, 1, 3]))}

    def preprocessing(self):
        """What a client owes are the samples; the picture is made within the file, as `picture` says."""
        return {
            "version": PREPROCESS,
            "kind": "audio",
            "rate": self.rate,
            "samples": self.samples,
            "channels": "mean",
            "resample": {"rule": "kaiser_sinc", "crossings": sound.CROSSINGS, "beta": sound.BETA},
            "placement": "start",
            "padding": 0,
            "rates": list(RATES),
            "loudest": LOUDEST,
            "picture": {
                "frame": self.frame,
                "hop": self.hop,
                "window": "periodic_hann",
                "bands": self.bands,
                "from_hz": self.lowest_hz,
                "to_hz": self.to_hz,
                "scale": self.scale,
                "decibels": list(self.decibels),
            },
            "picture_inside_files": True,
        }

    def build(self):
        image = keras.Input((*self.picture_hw, 3), name="image")
        levels = self.backbone(image)
        return keras.Model({"image": image}, self.heads(list(levels.values())[-1]), name=self.name)

    @abc.abstractmethod
    def heads(self, x):
        """The backbone's last level [B, h, w, C], a Keras tensor -> the raw outputs by key."""

    def load_pretrained(self, graph):
        self.backbone.load(graph)


def _checks(audio, rate):
    """Assertions about sounds float32 [B, N] of rates int32 [B]."""
    least, most = RATES
    loudest = tf.reduce_max(tf.abs(audio), 1)
    wrong = {
        "a sound has no samples; send at least one; samples:": (tf.size(audio) < 1, tf.shape(audio)[1:]),
        f"{RATE_LINE}; seen:": (
            tf.reduce_any((rate < least) | (rate > most)),
            rate,
        ),
        f"{LOUDEST_LINE}; loudest:": (
            ~tf.reduce_all(tf.abs(audio) <= LOUDEST),  # of what is no number this is false, too
            loudest,
        ),
    }
    return [tf.debugging.Assert(~is_wrong, [f"{SAYS} {line}", seen]) for line, (is_wrong, seen) in wrong.items()]
