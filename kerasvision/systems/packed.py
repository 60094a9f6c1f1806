"""An index in one small file for devices without TensorFlow, searched by `edge.searching`, which says what is in it."""

import io
import json
import pathlib

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import write_bytes
from kerasvision.systems.index import ALIKE, drawn_pictures

FORMAT = 1
MOST = 1_000_000  # items: each is looked at
_KEPT = ("path", "label")  # of an item


def codes_of(vectors):
    """(int8 [N, D], float32 [N]): each vector's numbers in 127 steps of its own largest one, so that a cosine with
    another vector is wrong by half a step times the sum of that one's numbers at most.
    """
    scales = np.abs(vectors).max(1) / np.float32(127)
    codes = np.rint(vectors / np.maximum(scales, np.float32(1e-30))[:, None])
    return codes.astype(np.int8), scales.astype(np.float32)


def write(index, path):
    """Write an `Index` as a .npz that `edge.searching.open_search` reads; returns its bytes. Raises UsageError of
    another suffix, KerasVisionError of an index without items, or of too many.
    """
    path = pathlib.Path(path)
    if path.suffix.lower() != ".npz":
        raise UsageError(f"--out {path}: a packed index is written as .npz")
    keep = [place for place, item in enumerate(index.items) if item is not None]
    if not 1 <= len(keep) <= MOST:
        raise KerasVisionError(f"an index of {len(keep)} items; allowed: 1 to {MOST}, as a device looks at each")
    codes, scales = codes_of(np.asarray(index.vectors)[keep])
    items = [{k: v for k, v in index.items[place].items() if k in _KEPT and v} for place in keep]
    about = {"format": FORMAT, "embedder": index.embedder, "alike": ALIKE}
    texts = {"about": json.dumps(about), "items": "\n".join(map(json.dumps, items))}
    held = {key: np.frombuffer(text.encode(), np.uint8) for key, text in texts.items()}
    buffer = io.BytesIO()
    numbers = {"codes": codes, "scales": scales, "drawn": np.float32(index.drawn), "pictures": drawn_pictures()}
    np.savez_compressed(buffer, **held, **numbers)
    try:
        write_bytes(path, buffer.getvalue())
    except OSError as error:
        raise KerasVisionError(f"cannot write {path}: {error.strerror}; choose another --out") from None
    return len(buffer.getvalue())
