"""Pictures and words in one space: an encoder of each, whose vectors are near where picture and text belong together.

"Learning Transferable Visual Models From Natural Language Supervision" (Radford et al. 2021, arXiv:2103.00020); by
sigmoids: "Sigmoid Loss for Language Image Pre-Training" (Zhai et al. 2023, arXiv:2303.15343). With a pretrained picture
encoder that `techniques/freeze` keeps as it is: "LiT: Zero-Shot Transfer with Locked-image text Tuning" (Zhai et al.
2022, arXiv:2111.07991). The tokenizer is inside every file, as that of `text_classification/classifier`.
"""

import dataclasses
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures, text_encoders
from kerasvision.layers.learned_scale import MOST, LearnedScale
from kerasvision.losses import image_text as losses
from kerasvision.metrics.image_text import ImageTextRetrieval
from kerasvision.ops.gather import gathered
from kerasvision.tasks._unit_vectors import UnitVectors
from kerasvision.tasks._vectors import Vectors
from kerasvision.tasks.answering import Answering
from kerasvision.tasks.base import PREPROCESS, Function, Output
from kerasvision.tasks.classification.classifier import Classifier
from kerasvision.tasks.preprocessing import CROPPED
from kerasvision.tasks.text_classification.classifier import TextClassifier
from kerasvision.text_encoders.base import TextEncoder

IMAGE, TEXT = "image", "text"
PICTURE, WORDS = "embedding", "text_embedding"  # what is known of each, in raw outputs and in predictions
_TEXTS = 2**31 - 1  # numbers that texts are told apart by


@architectures.register("embedding/image_text")
@dataclasses.dataclass(frozen=True)
class ImageText(UnitVectors, Vectors):
    """Takes `image` uint8 [B, H, W, 3] and `text` string [B]. Every prediction is `embedding` and `text_embedding`,
    float32 [B, dimension] of length 1, and `cosine` [B], of the two. Files have two functions beside: `embed_image` of
    a picture alone, and `embed_text` of a text alone.

    The fields of the picture are `Vectors`'s; encoder, length, words, vocabulary_size, min_count, vocabulary: of the
    text, as in `text_classification/classifier`. A sample may have several `texts`; each time that it is trained on,
    one is drawn by its seed, and its first is the one that it is judged by.

    objective: "contrastive", each among all of a step, or "sigmoid", each pair by itself. temperature: what cosines are
    divided by, at first; bias: of "sigmoid", at first. Both are learned.
    """

    encoder: TextEncoder = dataclasses.field(default_factory=lambda: text_encoders["kim_cnn"]())
    length: int = 128
    words: int = 32
    vocabulary_size: int = 10_000
    min_count: int = 1
    vocabulary: tuple[str, ...] = ()
    objective: typing.Literal["contrastive", "sigmoid"] = "contrastive"
    temperature: float = 0.07
    bias: float = -10.0

    name: typing.ClassVar[str] = "image_text"
    main_metric: typing.ClassVar[str] = "mean_recall"
    label_keys: typing.ClassVar[tuple[str, ...]] = ()
    draws_noise: typing.ClassVar[bool] = True
    embeds: typing.ClassVar[dict[str, str]] = {IMAGE: "embed_image", TEXT: "embed_text"}

    def __post_init__(self):
        super().__post_init__()
        if not 1.0 / MOST <= self.temperature < float("inf"):
            raise UsageError(f"model.temperature={self.temperature:g}; allowed: {1.0 / MOST:g} or more")
        if self.vocabulary != (sorted_ := self._text.vocabulary):
            object.__setattr__(self, "vocabulary", sorted_)

    @property
    def _picture(self):
        """How a picture is prepared and normalized."""
        return Classifier(
            0, self.backbone, self.image_size, self.resize, self.resample, self.crop_fraction, self.antialias
        )

    @property
    def _text(self):
        """How a text is prepared and becomes ids."""
        own = {
            k: getattr(self, k) for k in ("length", "words", "encoder", "vocabulary_size", "min_count", "vocabulary")
        }
        return TextClassifier(**own)

    @property
    def outputs(self):
        part = Output("float32", "part of a vector of length 1", (self.dimension,))
        return {PICTURE: part, WORDS: part, "cosine": Output("float32", "cosine")}

    def alone(self, key):
        return {IMAGE: self._picture, TEXT: self._text}[key]

    def serving_inputs(self):
        return self._picture.serving_inputs() | self._text.serving_inputs()

    def prepared_inputs(self):
        return self._picture.prepared_inputs() | self._text.prepared_inputs()

    def resources(self):
        return self._text.resources()

    def geometry(self, inputs):
        own = {k: inputs[k] for k in (IMAGE, CROPPED) if k in inputs}
        prepared, geometry = self._picture.geometry(own)
        return prepared | self._text.geometry({TEXT: inputs[TEXT]})[0], geometry

    def normalize(self, prepared):
        return self._picture.normalize(prepared) | self._text.normalize(prepared)

    def is_prepared(self, inputs):
        return False  # a text never is

    def preprocessing(self):
        """Each one's own rules."""
        rules = {"version": PREPROCESS, "kind": "several", "senses": [IMAGE, TEXT]}
        return rules | {IMAGE: self._picture.preprocessing(), TEXT: self._text.preprocessing()}

    def for_data(self, split):
        """With the vocabulary of a training split."""
        return dataclasses.replace(self, vocabulary=self._text.for_data(split).vocabulary)

    def build(self):
        held = {IMAGE: keras.Input((*self.image_size, 3), name=IMAGE)} | self._text.graph_inputs()
        picture = self.vector(held[IMAGE])
        words = keras.layers.Dense(self.dimension, name=WORDS)(self._text.encoded(held))
        bias = self.bias if self.objective == "sigmoid" else None
        scale = LearnedScale(1.0 / self.temperature, bias, name="scale")(picture)
        return keras.Model(held, {PICTURE: picture, WORDS: words, "scale": scale}, name=self.name)

    def answering(self, graph):
        return keras.Model(graph.input, {k: graph.output[k] for k in (PICTURE, WORDS)}, name=self.name)

    def functions(self, graph):
        vector, held = Output("float32", "part of a vector of length 1", (self.dimension,)), {}
        for key, made in ((IMAGE, PICTURE), (TEXT, WORDS)):
            specs = self.alone(key).prepared_inputs()
            held[self.embeds[key]] = Function(specs, {made: vector}, _tower(self.alone(key), graph, key, made))
        return held

    def example(self, sample):
        if "texts" in sample:
            count = tf.shape(sample["texts"])[0]
            drawn = tf.random.stateless_uniform([], sample["seed"], 0, count, tf.int32)
            sample = sample | {TEXT: sample["texts"][drawn]}
        return super().example(sample)

    def encode(self, sample):
        """`text`: a number, equal for texts that are equal but for the case of letters."""
        return {TEXT: number_of(sample[TEXT])}

    def ground_truth(self, sample):
        return {TEXT: number_of(sample[TEXT])}

    def evaluator(self, classes):
        return ImageTextRetrieval()

    def loss(self, targets, raw):
        """Under several replicas each picture and text is compared with those of all."""
        pictures, words = (tf.math.l2_normalize(tf.cast(raw[k], tf.float32), -1) for k in (PICTURE, WORDS))
        every, places = gathered(words)
        equal = targets[TEXT][:, None] == gathered(targets[TEXT])[0][None]
        of_images, scale = tf.matmul(pictures, every, transpose_b=True), raw["scale"][:, :1]
        if self.objective == "sigmoid":
            return {"sigmoid": losses.sigmoid_pairs(of_images, places, equal, scale, raw["scale"][:, 1:])}
        of_texts = tf.matmul(words, gathered(pictures)[0], transpose_b=True)
        return {"contrastive": losses.symmetric_contrastive(of_images, of_texts, places, equal, scale)}

    def ideal_raw(self, targets):
        equal = targets[TEXT][:, None] == targets[TEXT][None]
        direction = self.direction(tf.argmax(tf.cast(equal, tf.int32), 1))
        held = [MOST] if self.objective == "contrastive" else [MOST, -0.95 * MOST]
        scale = tf.tile(tf.constant([held], tf.float32), [tf.shape(direction)[0], 1])
        return {PICTURE: direction, WORDS: direction, "scale": scale}

    def decode(self, raw, geometry):
        pictures, words = (tf.math.l2_normalize(raw[k], -1) for k in (PICTURE, WORDS))
        return {PICTURE: pictures, WORDS: words, "cosine": tf.reduce_sum(pictures * words, -1)}

    def compare(self, reference, other):
        """The larger of the distances of both vectors; a decision takes a gallery, which the evaluator has."""
        both = [UnitVectors.compare(self, *({PICTURE: p[k]} for p in (reference, other))) for k in (PICTURE, WORDS)]
        return both[0][0].clip(min=both[1][0]), both[0][1]

    def targets(self):
        return Answering.targets(self)


def _tower(part, graph, key, made):
    """The `call` of a `Function`: prepared inputs of a picture, or of a text, alone -> {made: float32 [B, D], of length
    1}. part: the architecture that prepares them. Name scopes mark the parts for the int8 converter, as in
    `inference.served`.
    """
    inputs = {k: v for k, v in graph.input.items() if (k == IMAGE) == (key == IMAGE)}
    own = keras.Model(inputs, graph.output[made], name=f"{made}_alone")

    def call(prepared):
        with tf.name_scope("kv_normalize"):
            held = part.normalize(prepared)
        raw = own(held, training=False)
        with tf.name_scope("kv_decode"):
            return {made: tf.math.l2_normalize(tf.cast(raw, tf.float32), -1)}

    return call


def number_of(text):
    """int32: equal for texts that are equal but for the case of letters and blanks around. text: string [...]."""
    plain = tf.strings.strip(tf.strings.lower(text, encoding="utf-8"))
    return tf.cast(tf.strings.to_hash_bucket_fast(plain, _TEXTS), tf.int32)
