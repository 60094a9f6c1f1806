"""Volumes, with the sides of their voxels."""

import dataclasses
import os
import typing

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import input_kinds
from kerasvision.data.kinds.base import InputKind
from kerasvision.data.volumes import SUFFIXES, read_volume


@input_kinds.register("volume")
@dataclasses.dataclass(frozen=True)
class VolumeInput(InputKind):
    """float32 [D, H, W, C] with float32 [3] mm, from a NIfTI or MGH file, or a folder with a DICOM series."""

    suffixes: typing.ClassVar[tuple[str, ...]] = SUFFIXES
    what: typing.ClassVar[str] = "the path of a volume: .nii, .nii.gz, .mgz, or a folder with a DICOM series"
    is_large: typing.ClassVar[bool] = True

    def read(self, item, inputs):
        if not isinstance(item, (str, os.PathLike)):
            raise KerasVisionError(
                "a volume is read from a file or a folder, not from stdin, bytes or an array; name it"
            )
        volume = read_volume(item)
        key, *beside = inputs
        return {key: volume.array} | dict.fromkeys(beside, volume.spacing_mm), volume

    def statistics(self, value):
        depth, height, width = value.shape[:3]
        mean, deviation = float(value.mean()), float(value.std())
        return {"brightness": mean, "contrast": deviation, "depth": depth, "height": height, "width": width}
