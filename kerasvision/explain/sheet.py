"""Heats of some inputs by some methods: what a picture, a file of arrays and a JSON document are made of."""

import dataclasses
import pathlib
import typing

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import beside
from kerasvision.explain.fidelity import share_inside
from kerasvision.explain.picture import Explained
from kerasvision.explain.placing import in_original

_COLUMNS = 5  # methods in a line of a picture


@dataclasses.dataclass(frozen=True, eq=False)
class Heat:
    """What one method says of one target. heat: float32 [H, W] in the pixels of the original, of a volume [d, h, w] in
    those of the graph; region: bool of the same shape, or None. score: of the target. inside: the share of the heat
    above 0 in the region, or None.
    """

    method: str
    target: str
    heat: np.ndarray
    region: typing.Any
    score: float
    inside: float | None

    def to_json(self):
        """Plain JSON; `hottest` is (x, y), of a volume (x, y, z)."""
        hottest = np.unravel_index(int(self.heat.argmax()), self.heat.shape)[::-1]
        held = {"method": self.method, "target": self.target, "score": self.score}
        return held | {"hottest": [int(v) for v in hottest], "most": float(self.heat.max()), "inside": self.inside}


@dataclasses.dataclass(frozen=True, eq=False)
class Sheet:
    """name: of an input. shown: as of `picture.Explained`. is_part: whether only its center was looked at. heats: of
    one target after the other, those of all methods. left_out: method -> why it has none.
    """

    name: str
    shown: np.ndarray
    is_part: bool
    heats: list
    left_out: dict

    @property
    def targets(self):
        """The words of the targets, in order."""
        return list(dict.fromkeys(heat.target for heat in self.heats))

    def rows(self, by_method):
        """The `Explained` of a picture: one with a column a target, or lines of five methods for each target."""
        name = pathlib.PurePath(self.name).name
        if not by_method:
            columns = [(heat.target, heat.heat, heat.region) for heat in self.heats]
            return [Explained(name, self.heats[0].method, self.shown, columns)]
        rows = {target: [heat for heat in self.heats if heat.target == target] for target in self.targets}
        return [
            Explained(name, target, self.shown, [(heat.method, heat.heat, heat.region) for heat in line])
            for target, row in rows.items()
            for line in (row[start : start + _COLUMNS] for start in range(0, len(row), _COLUMNS))
        ]


def sheet(model, explainers, name, inputs, asked):
    """The `Sheet` of one input.

    model: an `Explainable`. explainers: name -> `Explainer`; of several one that cannot explain this model or target is
    left out, a single one is an error. inputs: serving inputs of one example, without batch axis. asked: keywords of
    `Explainable.targets`.
    """
    prepared, geometry, is_part = model.prepared(inputs)
    is_image = prepared.ndim == 3

    def placed(values):
        return in_original(values, geometry, is_part) if is_image else values

    heats, left_out = [], {}
    for target in model.targets(prepared, geometry, **asked):
        score = float(model.score(prepared[None], target)[0])
        for method, explainer in explainers.items():
            try:
                heat = explainer.explain(model, prepared, target)
            except UsageError as error:
                if len(explainers) == 1:
                    raise
                left_out[method] = str(error)
                continue
            region = None if target.region is None else placed(np.asarray(target.region, np.float32)) > 0.5
            heat = placed(heat)
            inside = None if region is None else share_inside(heat, region)
            heats.append(Heat(method, target.text, heat, region, score, inside))
    if not heats:
        raise KerasVisionError(f"no method can explain {name}: {next(iter(left_out.values()))}")
    return Sheet(name, inputs[model.key] if is_image else prepared, is_part, heats, left_out)


def write_arrays(sheets, path):
    """An .npz with `heat_0`, `heat_1` ... as `Heat` has them, and beside them `names`, `methods` and `targets`."""
    every = [(one.name, heat) for one in sheets for heat in one.heats]
    arrays = {f"heat_{number}": heat.heat for number, (_, heat) in enumerate(every)}
    words = {"names": [n for n, _ in every], "methods": [h.method for _, h in every]}
    words["targets"] = [h.target for _, h in every]
    with beside(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays, **{key: np.array(held) for key, held in words.items()})
