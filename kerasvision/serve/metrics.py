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
        self._batches = prometheus.Histogram(
            "kerasvision_batch_size", "Examples of a batch", registry=self.registry, buckets=SIZES
        )
        gauge = prometheus.Gauge
        self._waiting = self._of(gauge, "waiting", "Examples that wait", ())
        self._available = self._of(gauge, "version_available", "1 for each version that answers", ("model", "version"))
        of = ("model", "version", "statistic")
        psi = "Population stability index of the latest requests against the contract's profile"
        self._psi = self._of(gauge, "drift_psi", psi, of)
        self._shifted = self._of(gauge, "drift_shifted", "1 where it is an alert", of)
        self._confidence = self._of(gauge, "confidence", "Mean confidence of the latest answers", ("model", "version"))
        self._unsure = self._of(gauge, "unsure", "Share of the latest answers that are not sure", ("model", "version"))
        self._lock, self._reading = threading.Lock(), threading.Lock()
        self._recent = collections.defaultdict(lambda: collections.deque(maxlen=_KEPT))
        self._totals = collections.Counter()

    def _of(self, kind, name, text, labels):
        return kind(f"kerasvision_{name}", text, labels, registry=self.registry)

    def batch(self, size):
        """Count a batch that was computed. size: its examples."""
        self._batches.observe(size)

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

    def text(self, models, waiting):
        """Everything in Prometheus's text format, bytes. models: `models.Models`. waiting: examples in the queue."""
        with self._reading:  # two readers at once must not see what the other has just cleared
            return self._read(models, waiting)

    def _read(self, models, waiting):
        self._waiting.set(waiting)
        for gauge in (self._available, self._psi, self._shifted, self._confidence, self._unsure):
            gauge.clear()  # of versions that are gone
        for name in models.names():
            for number, state, _ in models.versions(name):
                self._available.labels(name, str(number)).set(state == "AVAILABLE")
        for name, number, report in models.drift():
            for statistic, row in report.items():
                self._psi.labels(name, str(number), statistic).set(row["psi"])
                self._shifted.labels(name, str(number), statistic).set(row["shifted"])
                if "unsure" in row:
                    self._confidence.labels(name, str(number)).set(row["mean"])
                    self._unsure.labels(name, str(number)).set(row["unsure"])
        return prometheus.generate_latest(self.registry)
