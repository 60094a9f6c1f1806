"""What a server says of itself: lines for people, or JSON lines for a collector, a line for each request."""

import contextlib
import json
import re
import sys
import time
import uuid

from kerasvision.core.escaping import lines_of

HEADER = "x-request-id"
_GIVEN = re.compile(r"[\w.:-]{1,128}")


def request_id(headers):
    """What a client calls its request, if that may stand in a log, else a new name. headers: lower-case -> value."""
    given = headers.get(HEADER, "")
    return given if isinstance(given, str) and _GIVEN.fullmatch(given) else uuid.uuid4().hex


class Log:
    """form: "text": what happens to versions; "json": that and every request, one JSON object a line. out: a stream,
    standard error if None. Nothing that is wrong with the stream, such as a full disk, reaches the server.
    """

    def __init__(self, form="text", out=None):
        self.form, self._out = form, out

    def event(self, text):
        """Something that happened to a model."""
        self._write(lines_of(text) if self.form == "text" else self._object({"event": text}))

    def request(self, row):
        """A request that has been answered. row: its fields, JSON values."""
        if self.form == "json":
            self._write(self._object({"event": "request"} | row))

    def _object(self, row):
        return json.dumps({"time": round(time.time(), 3)} | row)

    def _write(self, line):
        with contextlib.suppress(OSError, ValueError):  # ValueError: the stream is closed
            print(line, file=self._out or sys.stderr, flush=True)
