"""How far apart the outlines of two regions lie, in the plane and in volumes."""

import math

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

TOLERANCE = 0.0075  # of the diagonal: Csurka et al. 2013; DAVIS' code has 0.008


def outline(region, beyond):
    """Pixels of a region that have a neighbor across a side outside of it: bool of any rank -> bool, the same shape.

    beyond: whether what lies beyond the grid counts as part of the region.
    """
    return region & ~ndimage.binary_erosion(region, border_value=beyond)


def boundary_f(ground_truth, found):
    """F measure of the boundary pixels of two bool regions, 0 to 1; at least one of them is not empty.

    G. Csurka et al., What is a good evaluation measure for semantic segmentation?, BMVC 2013, section 3.2; F. Perazzi
    et al., A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation, CVPR 2016. A boundary pixel
    is right when the other region has one within 0.75 % of the grid's diagonal, rounded up to whole pixels as in DAVIS.
    The border of the grid is no boundary. As there, a region without any boundary finds everything and nothing: F is 0
    when the other one has some, and 1 when it has none either.
    """
    tolerance = math.ceil(TOLERANCE * math.hypot(*ground_truth.shape))
    cut = _window(ground_truth | found, margin=1)  # at the grid's border there is no margin, and no boundary either
    edges = [np.argwhere(outline(region[cut], beyond=True)) for region in (ground_truth, found)]
    if not all(map(len, edges)):
        return float(not any(map(len, edges)))
    # squares of these distances are integers, so nothing lies between the tolerance and this limit
    limit = math.sqrt(tolerance**2 + 0.5)
    recall, precision = ((_distances(*pair, limit) < limit).mean() for pair in (edges, edges[::-1]))
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def hausdorff_95(ground_truth, found, spacing):
    """The 95th percentile of the symmetric surface distance of two bool regions, neither empty, in `spacing`'s unit.

    A. A. Taha and A. Hanbury, Metrics for evaluating 3D medical image segmentation, BMC Medical Imaging 15:29, 2015,
    doi:10.1186/s12880-015-0068-x. A surface is the pixels that an erosion (neighbors across a side) takes away, at
    the grid's border too. From each of one surface goes the Euclidean distance to the nearest of the other one, pixels
    being `spacing` apart along each axis; of both directions' 95th percentiles (linear between ranks) the larger.
    """
    cut = _window(ground_truth | found)  # what is cut off holds no surface, and no region goes on behind the cut
    ends = [
        np.argwhere(outline(region[cut], beyond=False)) * np.asarray(spacing, float) for region in (ground_truth, found)
    ]
    return float(max(np.percentile(_distances(*pair), 95) for pair in (ends, ends[::-1])))


def _distances(points, others, limit=np.inf):
    """From each point to the nearest of the others; inf from `limit` on.

    They are what `scipy.ndimage.distance_transform_edt` has at the points, which computes them everywhere: on a volume
    of six million voxels that takes ten times as long.
    """
    return cKDTree(others).query(points, distance_upper_bound=limit)[0]


def _window(region, margin=0):
    """Slices of the smallest part of a grid that holds a region, and a margin as far as the grid goes."""
    cut = []
    for axis in range(region.ndim):
        seen = np.flatnonzero(region.any(tuple(a for a in range(region.ndim) if a != axis)))
        cut.append(slice(max(0, seen[0] - margin), seen[-1] + 1 + margin))
    return tuple(cut)
