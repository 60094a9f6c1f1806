"""What was found in the frames of a video, kept in a file, so that a tracker can be run over it again and again."""

import io
import zipfile
import zlib

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.files import write_bytes


def of_one_size(frames):
    """((number, what a tracker's step takes), ...): "embeddings" of frames in which nothing was looked at get the
    length of the others, as rows of NaN.
    """
    frames = tuple(frames)
    size = max((held["embeddings"].shape[1] for _, held in frames if "embeddings" in held), default=0)

    def evened(held):
        if held.get("embeddings", np.zeros((0, size))).shape[1] == size:
            return held
        return held | {"embeddings": np.full((len(held["scores"]), size), np.nan)}

    return tuple((number, evened(held)) for number, held in frames)


def save_frames(path, about, frames):
    """Write frames to a file, whole or not at all. about: a text by which `load_frames` knows what they are of."""
    arrays = {"about": np.frombuffer(about.encode(), np.uint8)}
    for number, held in frames:
        arrays |= {f"{number:08d}/{key}": np.asarray(value) for key, value in held.items()}
    written = io.BytesIO()
    np.savez_compressed(written, **arrays)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, written.getvalue())
    except OSError as error:
        raise KerasVisionError(f"cannot write {path}: {error.strerror}") from None


def load_frames(path, about):
    """The frames of a file, or None where there is none, or it is of something else or damaged."""
    if not path.exists():
        return None
    frames = {}
    try:
        with np.load(path) as file:
            if file["about"].tobytes().decode() != about:
                return None
            for key in file.files:
                number, slash, name = key.partition("/")
                if slash:
                    frames.setdefault(int(number), {})[name] = file[key]
        return tuple((number, held | {"time": float(held["time"])}) for number, held in sorted(frames.items()))
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error):
        return None
