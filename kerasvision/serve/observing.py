"""Each request is counted, logged, and where OpenTelemetry is installed it is a span."""

import contextlib
import time

from kerasvision.serve.log import request_id
from kerasvision.serve.status import ServingError


class Seen:
    """What is known of a request so far, to be logged. id: see `log.request_id`. of: its `servable.Servable`, None
    before it is found. examples: how many it has.
    """

    def __init__(self, headers):
        self.id = request_id(headers)
        self.of, self.examples = None, 0


class Observer:
    """Observes the requests of every API. metrics: `metrics.Metrics`. log: `log.Log`."""

    def __init__(self, metrics, log):
        self.metrics, self.log = metrics, log

    @contextlib.contextmanager
    def request(self, api, headers):
        """A context manager around a request; gives its `Seen`, and counts and logs it at the end, also after an error.

        api: "rest" or "grpc". headers: lower-case name -> value, of HTTP or of gRPC's metadata.
        """
        seen, started, code = Seen(headers), time.perf_counter(), "OK"
        with _span(f"{api} request", headers) as span:
            try:
                yield seen
            except ServingError as error:
                code = error.code.name
                raise
            except BaseException:
                code = "INTERNAL"
                raise
            finally:
                seconds = time.perf_counter() - started
                # not what a request calls its model: that would be a label without bound
                name, version = (seen.of.name, str(seen.of.version)) if seen.of else ("", "")
                self.metrics.count(name, version, api, code, seconds)
                row = {"id": seen.id, "api": api, "model": name, "version": version, "code": code}
                row |= {"examples": seen.examples, "ms": round(seconds * 1000, 3)}
                self.log.request(row)
                for key, value in row.items():
                    span.set_attribute(f"kerasvision.{key}", value)


class _NoSpan:
    """Stands for a span where OpenTelemetry is not installed."""

    def set_attribute(self, key, value):
        """Does nothing."""


@contextlib.contextmanager
def _span(name, headers):
    """A span of whatever tracer the process has been given, such as by `opentelemetry-instrument`; its parent is what
    the headers name.
    """
    try:
        from opentelemetry import propagate, trace
    except ImportError:
        yield _NoSpan()
        return
    parent = propagate.extract({k: v for k, v in headers.items() if isinstance(v, str)})
    tracer = trace.get_tracer("kerasvision.serve")
    with tracer.start_as_current_span(name, context=parent, kind=trace.SpanKind.SERVER) as span:
        yield span
