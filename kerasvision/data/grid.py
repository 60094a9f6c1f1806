"""Where the voxels of a file lie in the patient, and what both readers of volumes say of a file that holds none."""

import dataclasses
import functools
import importlib

import numpy as np

from kerasvision.core.errors import KerasVisionError

_NEAR = 0.1  # of a voxel: so far apart may two grids lie and still be one
_FLAT = 1e-3  # determinant of an affine of unit columns; less is no box of voxels


class UnreadableError(KerasVisionError):
    """A file holds no volume that can be used. reason: without the file's name."""

    def __init__(self, path, reason):
        super().__init__(f"{path}: {reason}")
        self.reason = reason


def needed(package):
    """A package that only volumes need."""
    try:
        return importlib.import_module(package)
    except ImportError:
        raise KerasVisionError(f"volumes need {package}: pip install kerasvision[medical]") from None


def first_line(error):
    """The first line of somebody else's error."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def times(sides):
    """(24, 64, 64) -> "24 x 64 x 64"."""
    return " x ".join(str(int(side)) for side in sides)


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """The voxels of a file, and how they turn into [D, H, W], whose axes go towards Superior, Anterior and Right.

    shape: the sides (I, J, K) of the file's own array. affine: float64 [4, 4], from the index (i, j, k) of a voxel's
    center to millimeters towards Right, Anterior and Superior. header: of a NIfTI file, which says where these
    millimeters are measured from; else None. series: SeriesInstanceUID of DICOM, else None. inverted: whether the
    numbers of DICOM were turned over, because high ones are dark.

    Axes are turned by quarters only: of an oblique file, each goes to the direction that it is nearest to.
    """

    shape: tuple[int, int, int]
    affine: np.ndarray
    header: object = None
    series: str | None = None
    inverted: bool = False

    def check(self, path):
        """`UnreadableError` where the affine spans no voxels."""
        sides = np.linalg.norm(self.affine[:3, :3], axis=0)
        if not np.isfinite(self.affine).all() or not (sides > 0).all():
            raise UnreadableError(path, f"its spacing is missing: an affine with voxels of {_listed(sides)} mm")
        if abs(np.linalg.det(self.affine[:3, :3] / sides)) < _FLAT:
            raise UnreadableError(path, "its affine has two axes in one direction, which leaves no room between them")

    @functools.cached_property
    def _turn(self):
        """(the file's axis that goes Right, Anterior, Superior; those of the three that it counts backwards)."""
        found = needed("nibabel").io_orientation(self.affine)
        order = np.argsort(found[:, 0])
        return order, tuple(np.flatnonzero(found[order, 1] < 0))

    @property
    def orientation(self):
        """Where the file's own axes go, as in "LPS"."""
        order, backwards = self._turn
        letters = [pair[i in backwards] for i, pair in enumerate(("RL", "AP", "SI"))]
        return "".join(letters[i] for i in np.argsort(order))

    @property
    def spacing_mm(self):
        """float32 [3]: the sides of a voxel along D, H and W."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)[self._turn[0]][::-1].astype(np.float32)

    @property
    def size_dhw(self):
        """(D, H, W): how many voxels there are along superior, anterior and right."""
        return tuple(self.shape[i] for i in self._turn[0][::-1])

    @property
    def affine_dhw(self):
        """float64 [4, 4]: from the index (d, h, w) to millimeters towards Right, Anterior and Superior."""
        order, backwards = self._turn
        turned = self.affine.copy()
        turned[:, :3] = self.affine[:, order]
        for axis in backwards:
            turned[:, 3] += turned[:, axis] * (self.shape[order[axis]] - 1)
            turned[:, axis] *= -1
        return turned[:, [2, 1, 0, 3]]

    def turned(self, stored):
        """The file's array [I, J, K] -> [D, H, W]."""
        order, backwards = self._turn
        return np.ascontiguousarray(np.flip(np.transpose(stored, order), backwards).T)

    def stored(self, turned):
        """[D, H, W] -> the file's array [I, J, K]."""
        order, backwards = self._turn
        return np.ascontiguousarray(np.transpose(np.flip(turned.T, backwards), np.argsort(order)))

    def difference(self, other):
        """How another grid, however it is stored, lies elsewhere than this one, in words; None where it does not."""
        if self.size_dhw != other.size_dhw:
            return f"{times(other.size_dhw)} voxels (S x A x R), its image {times(self.size_dhw)}"
        corners = np.indices((2, 2, 2)).reshape(3, -1).T * (np.array(self.size_dhw) - 1)
        index = np.column_stack([corners, np.ones(8)])
        apart = np.linalg.norm((index @ (other.affine_dhw - self.affine_dhw).T)[:, :3], axis=1).max()
        if apart <= _NEAR * self.spacing_mm.min():
            return None
        return f"up to {apart:.2f} mm away from its image, whose voxels have {_listed(self.spacing_mm)} mm (S x A x R)"


def _listed(sides_mm):
    return " x ".join(f"{side:.4g}" for side in sides_mm)
