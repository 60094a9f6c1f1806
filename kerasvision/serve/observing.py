"""Around each request: it is counted, it may be logged, and where OpenTelemetry is installed it is a span."""

import contextlib
import time

from kerasvision.serve.log import request_id
from kerasvision.serve.status import ServingError


class Seen:
    """What is known of a request so far. id: see `log.request_id`. of: its servable. examples: how many."""

    def __init__(self, headers):
        self.id = request_id(headers)
        self.of, self.examples = None, 0


class Observer:
    """metrics, log: where it is told."""

    def __init__(self, metrics, log):
        self.metrics, self.log = metrics, log

    @contextlib.contextmanager
    def request(self, api, headers):
        """Around a request. headers: lower-case name -> value, of HTTP or gRPC's metadata. Yields `Seen`."""
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
    """In place of a span where OpenTelemetry is not installed."""

    def set_attribute(self, key, value):
        """Nothing."""


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
