"""Whether what is asked looks like what the model was judged on."""

import collections
import contextlib
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
UNSURE = 0.5  # of a confidence
SHARE, BURST = 0.05, 0.5  # of a processor's time, and seconds at first, to look at images


class Watch:
    """Of one servable. kept: the profile in its contract."""

    def __init__(self, kept):
        self._kept = kept
        self._lock = threading.Lock()
        self._seen = {name: collections.deque(maxlen=WINDOW) for name in kept}
        self._began, self._spent = time.perf_counter(), 0.0

    def see(self, inputs, outputs):
        """A request's arrays; of images only as many as there is time for."""
        values = {name: list(v) for name, v in profile.of_answer(outputs).items()}
        for found in self._images(inputs):
            for name, value in found.items():
                values.setdefault(name, []).append(value)
        with self._lock:
            for name, held in values.items():
                if name in self._seen:
                    self._seen[name].extend(held)

    def _images(self, inputs):
        """Statistics of those images that there is time to look at."""
        for image in inputs.get("image", ()):
            yield from self._looked_at(lambda image=image: image)
        for encoded in inputs.get("image_bytes", ()):
            yield from self._looked_at(lambda encoded=encoded: _decoded(encoded))

    def _looked_at(self, read):
        started = time.perf_counter()
        with self._lock:
            if self._spent > BURST + SHARE * (started - self._began):
                return
        # what the graph has answered need not be readable here
        with contextlib.suppress(OSError, SyntaxError, ValueError, TypeError, Image.DecompressionBombError):
            yield profile.of_image(read())
        with self._lock:
            self._spent += time.perf_counter() - started

    def report(self):
        """Name -> {"psi", "examples", "shifted"} of what has been seen often enough; of "confidence" also its "mean",
        and "unsure", the share of answers that are below `UNSURE`, which a client had better not take.
        """
        with self._lock:
            seen = {name: list(values) for name, values in self._seen.items() if len(values) >= LEAST}
        rows = {}
        for name, values in seen.items():
            index, chance = profile.stability_index(self._kept[name], values)
            shifted = index > max(SHIFTED, BEYOND_CHANCE * chance)
            rows[name] = {"psi": round(index, 4), "examples": len(values), "shifted": shifted}
            if name == "confidence":
                rows[name]["mean"] = round(float(np.mean(values)), 4)
                rows[name]["unsure"] = round(float(np.mean(np.array(values) < UNSURE)), 4)
        return rows


def _decoded(encoded):
    with Image.open(io.BytesIO(encoded)) as image:
        return np.asarray(image.convert("RGB"))


def watch_of(path):
    """The `Watch` of a SavedModel, or None where it has no profile."""
    contract = path / "assets.extra" / "contract.json"
    if not contract.exists():
        return None
    kept = json.loads(contract.read_text(encoding="utf-8")).get("profile")
    return Watch(kept) if kept else None
