"""Numbers from an image: a backbone, a pooling, dropout and one dense layer."""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.component import since
from kerasvision.core.registry import architectures, backbones
from kerasvision.layers.pooling import pool
from kerasvision.tasks._regressing import Objective, Regressing
from kerasvision.tasks.image import Resample, Resize
from kerasvision.tasks.number_intervals import NumberInterval
from kerasvision.tasks.regression.task import Regression


@architectures.register("regression/regressor")
@dataclasses.dataclass(frozen=True)
class Regressor(Regressing, Regression):
    """Raw is `{"values": [B, N]}`, of standardized targets. objective: what is minimized there.

    mse, huber, log_cosh: see `losses/regression.py`. quantile: raw is [B, N, Q], a quantile for each of `levels`, which
    hold 0.5, the value; `quantiles` float32 [B, N, Q] is sorted, so that levels never cross (Chernozhukov,
    Fernandez-Val, Galichon 2010, doi:10.3982/ECTA7880). heteroscedastic: raw has `log_variance` too, and predictions
    `deviation` float32 [B, N], the standard deviation that the network sees in the data at this image.
    """

    objective: Objective = "huber"
    levels: tuple[float, ...] = (0.05, 0.5, 0.95)
    interval: NumberInterval = NumberInterval()
    backbone: Backbone = dataclasses.field(default_factory=lambda: backbones["convnet"]())
    image_size: tuple[int, int] = (64, 64)
    resize: Resize = "stretch"
    resample: Resample = "bilinear"
    crop_fraction: float = 1.0
    antialias: bool = since(True, before=False)
    pooling: typing.Literal["average", "max", "gem", "spatial_pyramid"] = "average"
    dropout: float = 0.0

    def build(self):
        image = keras.Input((*self.image_size, 3), name="image")
        x = pool(list(self.backbone(image).values())[-1], self.pooling, name="pool")
        if self.dropout:
            x = keras.layers.Dropout(self.dropout, name="dropout")(x)
        raw = self.raw_of(lambda units, name: keras.layers.Dense(units, name=name)(x))
        return keras.Model({"image": image}, raw, name=self.name)
