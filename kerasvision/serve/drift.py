"""Data drift: whether the inputs and outputs of requests look like those of the split that the model was evaluated on.

Histograms are compared by the population stability index (PSI) of `export.profile`. An alert needs a PSI above SHIFTED,
by convention, and above BEYOND_CHANCE times its mean by chance. How often one look at a histogram of B bins raises a
false alarm follows from its distribution (Yurdakul and Naranjo 2020, Journal of Risk Model Validation 14(3)): with n of
the latest and N kept examples the probability that chi-squared of B - 1 degrees of freedom exceeds the larger of
SHIFTED / (1 / n + 1 / N) and BEYOND_CHANCE (B - 1). At worst over 2 to 30 bins that is 1e-7 for n = N = 500, 9e-4 for
n = 500 and N = 100, 6e-3 for n = N = 100, as in the first look, and 4e-2 of N = 20, which no model should be judged on.
Requests that depend on one another, such as frames of one film, count as fewer.
"""

import collections
import contextlib
import json
import threading
import time

import numpy as np
import tensorflow as tf

from kerasvision.data.decode import decode, on_host
from kerasvision.data.kinds.base import ENCODED
from kerasvision.export import profile
from kerasvision.serve.suspicion import rare

WINDOW = 500  # of the latest examples that are compared
LEAST = 100  # examples, before anything is said
SHIFTED = 0.25  # PSI from which a population has shifted, by convention
BEYOND_CHANCE = 4.0  # and as many times what chance alone makes
UNSURE = 0.5  # of a confidence
SHARE, BURST = 0.05, 0.5  # of a processor's time, and seconds at first: for pictures, and as much for their features


class Watch:
    """The latest requests of one version beside its profile. Threads may share it.

    kept: the `profile` of its contract. features: a function uint8 [1, H, W, 3] -> [1, D], or None. kinds: key of an
    input -> name of its kind; None: one `image`. suspicion: a `suspicion.Suspicion`, or None.
    """

    def __init__(self, kept, features=None, kinds=None, suspicion=None):
        self._kept, self._features, self._suspicion = kept, features, suspicion
        if suspicion is not None:
            self._kept = kept = kept | suspicion.kept
        self._kinds = {"image": "image"} if kinds is None else kinds
        self._lock = threading.Lock()
        self._seen = {name: collections.deque(maxlen=WINDOW) for name in kept}
        self._began, self._spent = time.perf_counter(), {"input": 0.0, "features": 0.0, "suspicion": 0.0}

    def see(self, inputs, outputs):
        """Take in a request: input name -> array and output name -> array, with a batch axis. Of the inputs only as
        many examples count as `SHARE` of a processor's time allows.
        """
        values = {name: list(v) for name, v in profile.of_answer(outputs).items()}
        for found in self._statistics(inputs):
            for name, value in found.items():
                values.setdefault(name, []).append(value)
        with self._lock:
            for name, held in values.items():
                if name in self._seen:
                    self._seen[name].extend(held)

    def _statistics(self, inputs):
        """Statistics of those examples that there is time to look at."""
        for key, kind in self._kinds.items():
            for one in inputs.get(key, ()):
                yield from self._looked_at(key, kind, lambda one=one: one)
            for encoded in inputs.get(key + ENCODED, ()):
                yield from self._looked_at(key, kind, lambda encoded=encoded: _decoded(encoded))

    def _looked_at(self, key, kind, read):
        one = None
        with self._time_for("input") as is_there:
            # what the graph has answered need not be readable here
            with contextlib.suppress(tf.errors.InvalidArgumentError, TypeError, ValueError):
                one = read() if is_there else None
            if one is not None:
                yield profile.of_input(key, kind, one)
        if one is not None and self._features:
            with self._time_for("features") as is_there:
                if is_there:
                    along = profile.of_features(self._features(one[None]))
                    yield {name: value[0] for name, value in along.items()}
        if one is not None and self._suspicion:
            with self._time_for("suspicion") as is_there:
                if is_there:
                    yield self._suspicion(one[None])

    @contextlib.contextmanager
    def _time_for(self, what):
        """Yields whether there is time, and counts what is then spent."""
        started = time.perf_counter()
        with self._lock:
            is_there = self._spent[what] <= BURST + SHARE * (started - self._began)
        yield is_there
        with self._lock:
            self._spent[what] += time.perf_counter() - started

    def report(self):
        """Name of a statistic -> {"psi", "examples", "shifted"}, of those with `LEAST` examples or more; psi is the
        mean over the statistic's histograms. "confidence" also has its "mean", and "unsure", the share of predictions
        whose confidence is below `UNSURE`, which a client had better not rely on; those of `Suspicion` also "rare", the
        share of pictures that 1 in 100 ordinary ones equals.
        """
        with self._lock:
            seen = {name: list(values) for name, values in self._seen.items() if len(values) >= LEAST}
        histograms = collections.defaultdict(list)
        for name in seen:
            histograms[profile.statistic_of(name)].append(name)
        rows = {}
        for name, parts in histograms.items():
            index, chance = np.mean([profile.stability_index(self._kept[p], seen[p]) for p in parts], 0)
            values, shifted = seen[parts[0]], bool(index > max(SHIFTED, BEYOND_CHANCE * chance))
            rows[name] = {"psi": round(float(index), 4), "examples": len(values), "shifted": shifted}
            if name == "confidence":
                rows[name]["mean"] = round(float(np.mean(values)), 4)
                rows[name]["unsure"] = round(float(np.mean(np.array(values) < UNSURE)), 4)
            if self._suspicion and name in self._suspicion.kept:
                rows[name]["rare"] = round(rare(values), 4)
        return rows


def _decoded(encoded):
    return on_host(decode)(tf.constant(encoded)).numpy()


def watch_of(path, features=None, suspicion=None):
    """The `Watch` of a SavedModel's folder (a pathlib.Path), or None where its contract has no profile. features,
    suspicion: as in `Watch`.
    """
    contract = path / "assets.extra" / "contract.json"
    if not contract.exists():
        return None
    held = json.loads(contract.read_text(encoding="utf-8"))
    # contracts of before kinds were written knew statistics of pictures alone
    kinds = {key: row.get("kind", "image" if key == "image" else None) for key, row in held.get("inputs", {}).items()}
    kinds = {key: kind for key, kind in kinds.items() if kind}
    return Watch(held["profile"], features, kinds, suspicion) if held.get("profile") else None
