"""Heat of a graph's positions, brought back to the voxels of the file that the volume was read from."""

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.ops import volumes
from kerasvision.ops.dense import center_begin


def in_voxels(arch, heat, size_dhw, spacing_mm):
    """float32 [d, h, w] of a graph's positions -> float32 [D, H, W] of the volume's voxels: linear in between, 0 where
    the graph did not look.

    arch: a `tasks.volume.VolumeArchitecture`. size_dhw: (D, H, W). spacing_mm: [3], the sides of a voxel.
    """
    heat, rule, size = np.asarray(heat, np.float32), arch.preprocessing(), np.array(size_dhw)
    if rule["resize"] == "stretch":
        return _resized(heat, size)
    fitted = size
    if arch.spacing_mm:  # as `VolumeArchitecture.standardized` counts them
        sides = size.astype(np.float32) * np.asarray(spacing_mm, np.float32) / np.float32(arch.spacing_mm)
        fitted = np.maximum(np.rint(sides).astype(int), 1)
    padded = np.maximum(fitted, heat.shape)
    begin = center_begin(fitted, np.array(heat.shape))
    start = (padded - fitted) // 2 if rule["padding"]["placement"] == "center" else np.zeros(3, int)
    whole = np.zeros(padded, np.float32)
    whole[_part(begin, heat.shape)] = heat
    return _resized(whole[_part(start, fitted)], size)


def only_heat(sheets):
    """The one heat of what was explained; of several a UsageError, since a file of voxels shows one."""
    heats = [heat for one in sheets for heat in one.heats]
    if len(heats) > 1:
        seen = "; ".join(f"{heat.method} of {heat.target}" for heat in heats)
        raise UsageError(
            f"--nifti writes one heat, and there are {len(heats)} ({seen}); take one input, --method, --label"
        )
    return heats[0].heat


def _resized(heat, size):
    if tuple(heat.shape) == tuple(size):
        return heat
    return volumes.resize(heat[None, ..., None], tuple(int(side) for side in size))[0, ..., 0].numpy()


def _part(start, sides):
    return tuple(slice(int(a), int(a + n)) for a, n in zip(start, sides, strict=True))
