"""What a server counts, for Prometheus: requests and errors, latency, batches and the queue, for each model version."""

import contextlib
import time

import prometheus_client as prometheus

from kerasvision.serve.status import ServingError

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """A registry of its own, so that two servers in one process do not share counts."""

    def __init__(self):
        self.registry = prometheus.CollectorRegistry()
        labels = ("model", "version", "api")
        self._requests = prometheus.Counter(
            "kerasvision_requests",
            "Requests answered, by the code of the answer",
            (*labels, "code"),
            registry=self.registry,
        )
        self._seconds = prometheus.Histogram(
            "kerasvision_request_seconds", "Time of a predict request", labels, registry=self.registry, buckets=SECONDS
        )
        self._batches = prometheus.Histogram(
            "kerasvision_batch_size", "Examples of a batch", registry=self.registry, buckets=SIZES
        )
        self._waiting = prometheus.Gauge("kerasvision_waiting", "Examples that wait", registry=self.registry)
        self._available = prometheus.Gauge(
            "kerasvision_version_available",
            "1 for each version that answers",
            ("model", "version"),
            registry=self.registry,
        )

        of = ("model", "version", "statistic")
        help_text = "Population stability index of the latest requests against the contract's profile"
        self._psi = prometheus.Gauge("kerasvision_drift_psi", help_text, of, registry=self.registry)
        self._shifted = prometheus.Gauge(
            "kerasvision_drift_shifted", "1 where it is an alert", of, registry=self.registry
        )

    def batch(self, size):
        """A batch has been answered."""
        self._batches.observe(size)

    @contextlib.contextmanager
    def request(self, api):
        """Around a predict request; `of` the yielded object is set to the servable when it is known."""
        seen, started, code = Seen(), time.perf_counter(), "OK"
        try:
            yield seen
        except ServingError as error:
            code = error.code.name
            raise
        except Exception:
            code = "INTERNAL"
            raise
        finally:
            version = str(seen.of.version) if seen.of else ""
            name = seen.of.name if seen.of else ""  # not what a request calls it: that would be a label without bound
            self._requests.labels(name, version, api, code).inc()
            self._seconds.labels(name, version, api).observe(time.perf_counter() - started)

    def text(self, models, waiting):
        """The page that Prometheus reads."""
        self._waiting.set(waiting)
        self._available.clear()
        for name in models.names():
            with contextlib.suppress(ServingError):
                for number, state, _ in models.status(name):
                    self._available.labels(name, str(number)).set(state == "AVAILABLE")
        for name, number, report in models.drift():
            for statistic, row in report.items():
                self._psi.labels(name, str(number), statistic).set(row["psi"])
                self._shifted.labels(name, str(number), statistic).set(row["shifted"])
        return prometheus.generate_latest(self.registry)


class Seen:
    """What is known of a request so far."""

    of = None
