"""The same objects in the videos of two cameras, known again by what they look like."""

import io
import json
import pathlib
import zipfile
import zlib

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import write_bytes
from kerasvision.systems._association import paired
from kerasvision.systems.looked import same_model


def same_as(looks, others, least):
    """{id: id of the other camera} of those that look alike by `least` or more, a cosine: of all pairings the one of
    the largest sum, an object being one of the others at most. looks, others: {id: unit vector [D]}.
    """
    names, known = list(looks), list(others)
    if not names or not known:
        return {}
    cosines = np.array([looks[n] for n in names]) @ np.array([others[n] for n in known]).T
    rows, columns = paired(cosines, cosines >= least)
    return {names[row]: known[column] for row, column in zip(rows, columns, strict=True)}


def renumbered(ids, same, others):
    """{id: new id}: of who is one of the other camera's, the number there; others get numbers behind all of those.
    ids: all of a video; same: of `same_as`; others: all numbers of the other camera.
    """
    last, new = max(others, default=0), {}
    for name in sorted(ids):
        if name in same:
            new[name] = same[name]
        else:
            last = last + 1
            new[name] = last
    return new


def together(looks, others):
    """{id: unit vector} of two cameras with the same numbering: of who is in both, their middle."""
    whole = dict(others)
    for name, look in looks.items():
        total = look + others.get(name, 0.0)
        length = np.linalg.norm(total)
        whole[name] = total / length if length else look
    return whole


def save_looks(path, looks, last, model):
    """Write what objects look like. last: the largest number that was given, to objects of which nothing is known too.
    model: `looked.fingerprint` of the model that looked at them.
    """
    about = json.dumps({"last": int(last), "model": model})
    ids, held = np.array(list(looks), np.int64), np.array(list(looks.values()))
    written = io.BytesIO()
    np.savez(written, about=np.frombuffer(about.encode(), np.uint8), ids=ids, looks=held)
    try:
        write_bytes(pathlib.Path(path), written.getvalue())
    except OSError as error:
        raise KerasVisionError(f"cannot write {path}: {error.strerror}") from None


def load_looks(path, model):
    """({id: unit vector}, the largest number) of a file that `save_looks` wrote. Raises UsageError where it is none, or
    of what another model said (`looked.same_model`).
    """
    try:
        with np.load(path) as file:
            about = json.loads(file["about"].tobytes().decode())
            looks = dict(zip(file["ids"].tolist(), file["looks"], strict=True))
            seen_by, last = about["model"], int(about["last"])
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error):
        raise UsageError(f"{path} holds no looks; write them with --looks OUT.npz") from None
    if not (isinstance(seen_by, str) and same_model(seen_by, model)):
        raise UsageError(f"{path} has what another model saw; look at both videos with the same --appearance")
    return looks, last
