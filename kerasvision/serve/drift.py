"""Whether what is asked looks like what the model was judged on."""

import collections
import io
import json
import threading
import time

import numpy as np
from PIL import Image

from kerasvision.export import profile

WINDOW = 500  # of the latest examples that are compared
LEAST = 100  # examples, before anything is said
SHIFTED = 0.25  # PSI from which a population has shifted, by convention
BEYOND_CHANCE = 4.0  # and as many times what chance alone makes
MOST_A_SECOND = 100  # images that are looked at


class Watch:
    """Of one servable. kept: the profile in its contract."""

    def __init__(self, kept):
        self._kept = kept
        self._lock = threading.Lock()
        self._seen = {name: collections.deque(maxlen=WINDOW) for name in kept}
        self._second, self._looked = 0, 0

    def see(self, inputs, outputs):
        """A request's arrays; of images only so many a second."""
        values = {name: list(v) for name, v in profile.of_answer(outputs).items()}
        for image in self._images(inputs):
            for name, value in profile.of_image(image).items():
                values.setdefault(name, []).append(value)
        with self._lock:
            for name, held in values.items():
                if name in self._seen:
                    self._seen[name].extend(held)

    def _images(self, inputs):
        for image in inputs.get("image", ()):
            if self._may_look():
                yield image
        for encoded in inputs.get("image_bytes", ()):
            if self._may_look():
                with Image.open(io.BytesIO(encoded)) as image:
                    yield np.asarray(image.convert("RGB"))

    def _may_look(self):
        now = int(time.monotonic())
        if now != self._second:
            self._second, self._looked = now, 0
        self._looked += 1
        return self._looked <= MOST_A_SECOND

    def report(self):
        """Name -> {"psi", "examples", "shifted"} of what has been seen often enough."""
        with self._lock:
            seen = {name: list(values) for name, values in self._seen.items() if len(values) >= LEAST}
        rows = {}
        for name, values in seen.items():
            index, chance = profile.stability_index(self._kept[name], values)
            shifted = index > max(SHIFTED, BEYOND_CHANCE * chance)
            rows[name] = {"psi": round(index, 4), "examples": len(values), "shifted": shifted}
        return rows


def watch_of(path):
    """The `Watch` of a SavedModel, or None where it has no profile."""
    contract = path / "assets.extra" / "contract.json"
    if not contract.exists():
        return None
    kept = json.loads(contract.read_text(encoding="utf-8")).get("profile")
    return Watch(kept) if kept else None
