"""What a server counts of each model version, for Prometheus (/metrics) and for its page."""

import collections
import threading
import time

import numpy as np
import prometheus_client as prometheus

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
RECENT = 10.0  # seconds that the page looks back
_KEPT, _VERSIONS = 5000, 64  # requests of a version, versions


class Metrics:
    """Counters, histograms and gauges of one server, in a registry of its own. Threads may share it."""

    def __init__(self):
        self.registry = prometheus.CollectorRegistry()
        labels = ("model", "version", "api")
        self._requests = self._of(
            prometheus.Counter, "requests", "Requests answered, by the code of the answer", (*labels, "code")
        )
        self._seconds = prometheus.Histogram(
            "kerasvision_request_seconds", "Time of a request", labels, registry=self.registry, buckets=SECONDS
        )
        of, gauge = ("model", "version"), prometheus.Gauge
        self._queue = {
            "batch": self._histogram("batch_size", "Examples of a batch", SIZES),
            "waited": self._histogram("queue_seconds", "Time of a request before it was computed", SECONDS),
            "refused": self._of(prometheus.Counter, "queue_refused", "Requests that found the queue full", of),
            "expired": self._of(prometheus.Counter, "queue_expired", "Requests that waited beyond their time", of),
        }
        self._queued = self._of(gauge, "queue_examples", "Examples that wait", of)
        self._parameters = self._of(gauge, "batching", "What batches and the queue were told to be", ("parameter",))
        self._sizes = self._of(gauge, "allowed_batch_size", "1 for each size that batches are filled up to", ("size",))
        self._waiting = self._of(gauge, "waiting", "Examples that wait", ())
        self._available = self._of(gauge, "version_available", "1 for each version that answers", ("model", "version"))
        of = ("model", "version", "statistic")
        psi = "Population stability index of the latest requests against the contract's profile"
        self._psi = self._of(gauge, "drift_psi", psi, of)
        self._shifted = self._of(gauge, "drift_shifted", "1 where it is an alert", of)
        self._confidence = self._of(gauge, "confidence", "Mean confidence of the latest answers", ("model", "version"))
        self._unsure = self._of(gauge, "unsure", "Share of the latest answers that are not sure", ("model", "version"))
        text = "Share of the latest pictures with a score that 1 in 100 ordinary ones has"
        self._rare = self._of(gauge, "rare", text, ("model", "version", "statistic"))
        self._lock, self._reading = threading.Lock(), threading.Lock()
        self._recent = collections.defaultdict(lambda: collections.deque(maxlen=_KEPT))
        self._totals = collections.Counter()

    def _of(self, kind, name, text, labels):
        return kind(f"kerasvision_{name}", text, labels, registry=self.registry)

    def _histogram(self, name, text, buckets):
        of = ("model", "version")
        return prometheus.Histogram(f"kerasvision_{name}", text, of, registry=self.registry, buckets=buckets)

    def queue(self, what, servable, number):
        """Count what `batching.Batching` has seen, in its words. servable: of the version."""
        held = self._queue[what].labels(servable.name, str(servable.version))
        held.inc(number) if what in ("refused", "expired") else held.observe(number)

    def limits(self, limits):
        """Say what batches and the queue were told to be. limits: `limits.Limits`."""
        for name, value in limits.parameters().items():
            self._parameters.labels(name).set(value)
        for size in limits.sizes:
            self._sizes.labels(str(size)).set(1)

    def count(self, name, version, api, code, seconds):
        """Count a request that was answered. name, version: texts, "" where no version was found. api: "rest" or
        "grpc". code: name of its `status.Code`, or "OK". seconds: how long it took.
        """
        self._requests.labels(name, version, api, code).inc()
        self._seconds.labels(name, version, api).observe(seconds)
        with self._lock:
            self._totals[name, version, code == "OK"] += 1
            self._recent[name, version].append((time.monotonic(), seconds))
            if len(self._recent) > _VERSIONS:
                since = time.monotonic() - RECENT
                for key in [key for key, held in self._recent.items() if held[-1][0] < since]:
                    del self._recent[key]

    def recent(self, name, version):
        """Of a version, {"requests", "errors"} of all time and {"per_second", "p50_ms", "p99_ms"} of the last `RECENT`
        seconds, None where there were none. version: text.
        """
        since = time.monotonic() - RECENT
        with self._lock:
            right, wrong = self._totals[name, version, True], self._totals[name, version, False]
            times = [seconds for at, seconds in self._recent.get((name, version), ()) if at >= since]
        half, most = np.quantile(times, (0.5, 0.99)) * 1000 if times else (None, None)
        row = {"requests": right + wrong, "errors": wrong, "per_second": round(len(times) / RECENT, 1)}
        return row | {"p50_ms": half and round(float(half), 2), "p99_ms": most and round(float(most), 2)}

    def text(self, models, engine):
        """Everything in Prometheus's text format, bytes. models: `models.Models`. engine: `batching.Batching`."""
        with self._reading:  # two readers at once must not see what the other has just cleared
            return self._read(models, engine)

    def _read(self, models, engine):
        self._waiting.set(engine.waiting)
        for gauge in (
            self._queued,
            self._available,
            self._psi,
            self._shifted,
            self._confidence,
            self._unsure,
            self._rare,
        ):
            gauge.clear()  # of versions that are gone
        for name in models.names():
            for number, state, _ in models.versions(name):
                self._available.labels(name, str(number)).set(state == "AVAILABLE")
                if state == "AVAILABLE":  # zeros too, from which a rate can be told
                    for held in (self._queued, *self._queue.values()):
                        held.labels(name, str(number))
        for (name, number), waiting in engine.queued().items():
            self._queued.labels(name, str(number)).set(waiting)
        for name, number, report in models.drift():
            for statistic, row in report.items():
                self._psi.labels(name, str(number), statistic).set(row["psi"])
                self._shifted.labels(name, str(number), statistic).set(row["shifted"])
                if "rare" in row:
                    self._rare.labels(name, str(number), statistic).set(row["rare"])
                if "unsure" in row:
                    self._confidence.labels(name, str(number)).set(row["mean"])
                    self._unsure.labels(name, str(number)).set(row["unsure"])
        return prometheus.generate_latest(self.registry)
