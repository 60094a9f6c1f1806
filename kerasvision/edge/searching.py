"""A small index on a device: the items of a file of `kerasvision index pack` that are nearest to a picture, or to
words.

The file is an .npz: `codes` int8 [N, D] and `scales` float32 [N], whose product is nearly an item's vector; `items`,
uint8, a JSON object a line (`path`, perhaps `label`); `pictures` uint8 [P, h, w, 3] and `drawn` float32 [P, D], by
which the embedder is known again; `about`, uint8, JSON with the `format`, the `embedder` and the least mean cosine,
`alike`.
"""

import json
import zipfile
import zlib

import numpy as np

from kerasvision.edge.client import answered, encoded
from kerasvision.edge.errors import EdgeError, EdgeUsageError
from kerasvision.edge.independent.predicting import prepare, real, typed

FORMAT = 1
KEYS = ("about", "codes", "drawn", "items", "pictures", "scales")
BLOCK = 8192  # items at a time, so that their floats stay few
FUNCTIONS = {"image": "embed_image", "text": "embed_text"}  # of a model of pictures and words


class Search:
    """What `open_search` gives. items: dicts. about: of the file's own."""

    def __init__(self, about, codes, scales, items, pictures, drawn):
        self.about, self.items = about, items
        self._codes, self._scales, self._pictures, self._drawn = codes, scales, pictures, drawn

    @property
    def dimension(self):
        """How many numbers a vector has."""
        return self._codes.shape[1]

    def require(self, client):
        """Raises EdgeError, one line, of a file that is of another embedder than the one that made the vectors."""
        found = np.stack([vector_of(client, picture=picture) for picture in self._pictures])
        if found.shape != self._drawn.shape:
            apart = f"vectors of {found.shape[1]} numbers, and the index has {self._drawn.shape[1]}"
        elif not (alike := float((found * self._drawn).sum(1).mean())) >= self.about["alike"]:
            apart = f"other vectors (a mean cosine of {alike:.2f} with the index's own)"
        else:
            return
        raise EdgeError(
            f"this file is of another embedder than {self.about['embedder']}, which made the index: {apart}"
        )

    def nearest(self, vector, top):
        """[item with its `cosine`], the nearest first, of equal ones the earlier. vector: float32 [D], of length 1.
        Raises EdgeUsageError of more than there are.
        """
        if not 1 <= top <= len(self.items):
            raise EdgeUsageError(f"the {top} nearest of {len(self.items)} items; allowed: 1 to {len(self.items)}")
        blocks = range(0, len(self._codes), BLOCK)
        cosines = (
            np.concatenate([self._codes[n : n + BLOCK].astype(np.float32) @ vector for n in blocks]) * self._scales
        )
        best = np.argsort(-cosines, kind="stable")[:top]
        return [self.items[n] | {"cosine": round(float(cosines[n]), 6)} for n in best]


def open_search(path):
    """The `Search` of a packed index. Raises EdgeError, one line, of a file that is none, or cut off."""
    try:
        with np.load(path, allow_pickle=False) as held:
            about, codes, drawn, items, pictures, scales = (held[key] for key in KEYS)
        about = json.loads(about.tobytes().decode())
        items = [json.loads(line) for line in items.tobytes().decode().splitlines()]
    except FileNotFoundError:
        raise EdgeUsageError(f"no file at {path}") from None
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error):
        raise EdgeError(f"{path} is no packed index, or is damaged; write it with kerasvision index pack") from None
    if about.get("format") != FORMAT:
        raise EdgeError(f"{path} is a packed index of format {about.get('format')}; this client reads {FORMAT}")
    if codes.dtype != np.int8 or codes.ndim != 2 or not len(codes) == len(scales) == len(items):
        raise EdgeError(f"{path} is damaged: {codes.shape} codes, {len(scales)} scales and {len(items)} items")
    return Search(about, codes, scales, items, pictures, drawn)


def vector_of(client, picture=None, text=None):
    """float32 [D], of length 1, of a picture or of a text. client: a `Client`. picture: as of `Client.predict`. Raises
    EdgeError of a model without.
    """
    key, rules = ("image" if text is None else "text"), client.contract["preprocess"]
    function = FUNCTIONS[key]
    if function not in client.row.get("functions", {}):
        if text is not None:
            raise EdgeError("this model knows no words; search with pictures, or export one of embedding/image_text")
        return client.embed(picture)
    if text is not None:
        inputs, _ = prepare(rules[key], text=text.encode())
    else:
        inputs, _ = answered(lambda: prepare(rules[key], encoded=encoded(picture)), picture)
    row = client.row["functions"][function]
    feed = {k: typed(v, row["inputs"][k])[None] for k, v in inputs.items()}
    ((name, found),) = client.runtime.call(function, feed).items()
    return real(found[0], row["outputs"][name]).astype(np.float32)
