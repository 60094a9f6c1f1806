"""One class for each image some of whose pixels are missing."""

import dataclasses
import typing

import numpy as np
import tf_keras as keras

from kerasvision.core.component import part
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.layers.inline import inlined
from kerasvision.layers.missing import Composite, KnownMean, MaskToken, partial_unet
from kerasvision.ops.filling import Filling
from kerasvision.tasks._one_of_several import OneOfSeveral, Scaling, TuneFor
from kerasvision.tasks.class_sets import ClassSets
from kerasvision.tasks.classification.task import Classification
from kerasvision.tasks.incomplete import IncompleteImageModel


@architectures.register("classification/incomplete_classifier")
@dataclasses.dataclass(frozen=True)
class IncompleteClassifier(IncompleteImageModel, OneOfSeveral, Classification):
    """The fields are `Classification`'s and `OneOfSeveral`'s, and how what is missing is dealt with.

    filling: what stands in for missing pixels, see `ops/filling.py`; a graph that learns a filling of its own starts
    from it. stem: `channel`, the mask is an extra channel, which a convolution adds to the pixels, so that any backbone
    takes it, a pretrained one too; `mask_token`, missing pixels become one learned color; `partial_convolution`, a
    small U-Net of partial convolutions fills them in (`layers/missing.py`), learned with the classes alone. attends:
    positions of the last level are averaged with learned weights (of width 1 attention, Ilse et al. 2018,
    arXiv:1802.04712, equation 7) over those of which anything is present, in place of `pooling`. restorer: a
    `generation/*` architecture that fills missing pixels in before all this, within the same graph; its weights come
    from a run of its own through `techniques/restore_with`.
    """

    filling: Filling = "zero"
    stem: typing.Literal["none", "channel", "mask_token", "partial_convolution"] = "none"
    attends: bool = False
    restorer: part("architectures") | None = None
    tune_for: TuneFor = "nothing"
    class_factors: tuple[float, ...] = ()
    scaling: Scaling = "nothing"
    class_sets: ClassSets = ClassSets()

    name: typing.ClassVar[str] = "classification"
    RESTORER: typing.ClassVar[str] = "restorer_"  # begins the names of the restorer's layers

    def __post_init__(self):
        super().__post_init__()
        if self.stem == "partial_convolution" and any(side % 2 for side in self.image_size):
            raise UsageError(f'model.stem="partial_convolution" wants even sides; seen: image_size={self.image_size}')
        if self.restorer is None:
            return
        for field in ("image_size", "resize", "resample", "crop_fraction", "antialias", "filling"):
            theirs = getattr(self.restorer, field, None)
            if theirs != getattr(self, field):
                raise UsageError(
                    f"model.restorer has {field}={theirs!r} and the model {getattr(self, field)!r}; give both the same"
                )

    def normalize(self, prepared):
        inputs = super().normalize(prepared)
        return inputs if self._sees_mask else {"image": inputs["image"]}

    @property
    def _sees_mask(self):
        """Whether the graph takes `present`."""
        return self.stem != "none" or self.attends or self.restorer is not None

    def build(self):
        self.require_classes()
        image = keras.Input((*self.image_size, 3), name="image")
        present = keras.Input((*self.image_size, 1), name="present")
        whole = self._restored(image, present) if self.restorer else image
        levels = self.backbone(self._stemmed(whole, present))
        last = list(levels.values())[-1]
        x = self.dropped(self._attended(last, present)) if self.attends else self.pooled(last)
        inputs = {"image": image, "present": present} if self._sees_mask else {"image": image}
        logits = keras.layers.Dense(self.num_classes, name="logits")(x)
        return keras.Model(inputs, {"logits": logits}, name=self.name)

    def head(self, x):
        return keras.layers.Dense(self.num_classes, name="logits")(self.pooled(x))

    def _restored(self, image, present):
        """The image filled in, normalized as the backbone wants it."""
        to, scale = self.normalization, self.restorer.normalization.std[0]
        if to.channels != "rgb":
            raise UsageError("model.restorer: this backbone's weights take BGR; choose another backbone")
        mean, std = (np.broadcast_to(v, 3).astype(float) for v in (to.mean, to.std))
        x = keras.layers.Rescaling((std / scale).tolist(), (mean / scale).tolist(), name="pixels")(image)
        picture = inlined(self.restorer.filler(), {"image": x, "present": present}, self.RESTORER)["picture"]
        picture = keras.layers.ReLU(1.0, name="whole_clipped")(picture)
        return keras.layers.Rescaling((scale / std).tolist(), (-mean / std).tolist(), name="whole")(picture)

    def _stemmed(self, image, present):
        if self.stem == "channel":
            told = keras.layers.Conv2D(3, 3, padding="same", kernel_initializer="zeros", name="stem_told")(present)
            return keras.layers.Add(name="stem_sum")([image, told])
        if self.stem == "mask_token":
            return MaskToken(name="stem_token")([image, present])
        if self.stem == "partial_convolution":
            depth = max(k for k in range(1, 5) if not any(side % 2**k for side in self.image_size))
            filled = partial_unet(image, present, 8, depth, "stem")
            return Composite(name="stem_composite")([image, filled, present])
        return image

    def _attended(self, x, present):
        """[B, h, w, C] -> [B, C]. A position is known where any pixel of its field is."""
        fields = tuple(-(-side // inner) for side, inner in zip(self.image_size, x.shape[1:3], strict=True))
        known = keras.layers.MaxPooling2D(fields, padding="same", name="known_any")(present)
        y = keras.layers.Conv2D(x.shape[-1] // 2 or 1, 1, activation="tanh", name="attend_hidden")(x)
        scores = keras.layers.Conv2D(1, 1, use_bias=False, name="attend_score")(y)
        return KnownMean(name="attend_mean")([x, scores, known])
