"""Masks as COCO's run lengths, in JSON: what `pycocotools.mask.encode` writes, by numpy alone.

The format is that of COCO's API (Lin et al. 2014, arXiv:1405.0312; `common/maskApi.c` there): lengths of runs down the
columns, of 0 first; from the fourth on the difference from the one two before; each in groups of five bits, the least
first, with a bit for more, as characters from 48 on.
"""

import numpy as np


def run_lengths(mask):
    """COCO's RLE of a mask [H, W]: `{"size": [H, W], "counts": str}`."""
    flat = np.asarray(mask, bool).ravel(order="F")
    changes = np.flatnonzero(np.diff(flat, prepend=False))
    lengths = np.diff(np.concatenate([[0], changes, [flat.size]]))
    return {"size": [int(side) for side in mask.shape], "counts": _characters(lengths)}


def _characters(lengths):
    rest = lengths.astype(np.int64)
    rest[3:] -= lengths[1:-2]
    groups, going = [], np.ones(len(rest), bool)
    while going.any():
        bits, rest = rest & 31, rest >> 5
        more = going & np.where(bits & 16, rest != -1, rest != 0)
        groups.append(np.where(going, bits + 32 * more + 48, 0))
        going = more
    every = np.stack(groups, 1).ravel()
    return every[every > 0].astype(np.uint8).tobytes().decode("ascii")
