"""DINO, for convolutional networks: one view's shares among prototypes are to be the average's of the other view, and
those of small parts the average's of both.

"Emerging Properties in Self-Supervised Vision Transformers" (Caron et al. 2021, arXiv:2104.14294). With ResNet-50,
small crops and 800 epochs of ImageNet it reached 75.3 % in a linear probe. The average is
`techniques/momentum_teacher`, and `techniques/centering` keeps it from naming one prototype always.
"""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.layers.cosines import Cosines
from kerasvision.layers.projector import perceptron
from kerasvision.losses.self_distillation import assignment_cross_entropy
from kerasvision.ops.cutting import cut_boxes
from kerasvision.tasks.self_supervised.task import (
    SelfSupervised,
    answered,
    require_temperature,
    require_width,
)

LARGE = 2  # views that the average answers


@architectures.register("self_supervised/dino")
@dataclasses.dataclass(frozen=True)
class DINO(SelfSupervised):
    """Raw is `{"embedding": [B, D], "projection": [B, prototypes]}`: cosines with each of the prototypes, so that they
    have the length 1 that the paper's frozen last norm gives them.

    student_temperature, teacher_temperature: of the cosines; the smaller one sharpens what is to be learned.
    small_views: further views of a picture, of which a part is left and enlarged to image_size; small_area: from and
    to, in parts of the view (multi-crop: "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments",
    Caron et al. 2020, arXiv:2006.09882, section 3.3, where small crops are small images too: here each costs what a
    large one does).
    """

    projector: tuple[int, ...] = (256, 256, 64)
    prototypes: int = 1024
    student_temperature: float = 0.1
    teacher_temperature: float = 0.04
    small_views: int = 0
    small_area: tuple[float, float] = (0.05, 0.4)

    draws_noise: typing.ClassVar[bool] = True

    required_techniques: typing.ClassVar[dict[str, str]] = {
        "momentum_teacher": "its answers are what each view is to say",
        "centering": "without it all pictures get one prototype",
    }

    def __post_init__(self):
        super().__post_init__()
        require_width("prototypes", self.prototypes)
        require_temperature("student_temperature", self.student_temperature)
        require_temperature("teacher_temperature", self.teacher_temperature)
        if self.small_views < 0:
            raise UsageError(f"model.small_views={self.small_views}; allowed: 0 or more (4 to 8 are usual)")
        low, high = self.small_area
        if not 0 < low <= high <= 1:
            raise UsageError(f"model.small_area={self.small_area}; allowed: two parts, above 0 to 1, the smaller first")

    @property
    def views(self):
        """Rows that a record has in a batch: two large views, then the small ones."""
        return LARGE + self.small_views

    @property
    def assignment_temperature(self):
        """Shares among prototypes are the softmax of cosines over it."""
        return self.student_temperature

    def heads(self, vector):
        bottleneck = perceptron(vector, self.projector, "projector", activation="gelu")
        return {"projection": Cosines(self.prototypes, name="prototypes")(bottleneck)}

    def head_sizes(self):
        return {"projection": self.prototypes}

    def example(self, sample):
        prepared, targets = super().example(sample)
        if not self.small_views or "view" not in sample:
            return prepared, targets
        image = prepared["image"]
        part = tf.cast(self._part(image, sample["seed"]), image.dtype)
        return prepared | {"image": tf.where(sample["view"] < LARGE, image, part)}, targets

    def _part(self, image, seed):
        """A window of a picture [h, w, 3], as wide as high in parts of its sides, enlarged to all of it."""
        area, *place = tf.unstack(tf.random.stateless_uniform([3], seed))
        side = tf.sqrt(self.small_area[0] + (self.small_area[1] - self.small_area[0]) * area)
        low = (1.0 - side) * tf.stack(place)
        sides = tf.constant(self.image_size[::-1], tf.float32)
        box = tf.concat([low * sides, (low + side) * sides], 0)
        return tf.round(cut_boxes(image[None], box[None, None], self.image_size)[0, 0])

    def loss(self, targets, raw):
        """Of each row the sum over the average's answers to large views but its own, weighed so that the mean over
        rows is that over all such pairs.
        """
        temperatures = self.student_temperature, self.teacher_temperature
        scores, answers = (self._by_record(rows) for rows in (raw["projection"], answered(targets, raw, "projection")))
        terms = []
        for number in range(self.views):
            asked = [answers[:, large] for large in range(LARGE) if large != number]
            terms.append(tf.add_n([assignment_cross_entropy(scores[:, number], a, *temperatures) for a in asked]))
        pairs = LARGE * (self.views - 1)
        return {"assignment": tf.reshape(tf.stack(terms, 1), [-1]) * (self.views / pairs)}

    def _by_record(self, rows):
        return tf.reshape(rows, [-1, self.views, rows.shape[-1]])
