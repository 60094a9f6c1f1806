"""A server's log: lines for people, or JSON lines for a collector with one for each request."""

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
    """The `X-Request-Id` that a client sends, if it is of 1 to 128 plain characters, else a new random one. headers:
    lower-case name -> value.
    """
    given = headers.get(HEADER, "")
    return given if isinstance(given, str) and _GIVEN.fullmatch(given) else uuid.uuid4().hex


class Log:
    """form: "text" (events, such as a version that was loaded) or "json" (events and every request, one JSON object a
    line). out: a text stream, standard error if None. Errors of the stream, such as a full disk, are passed over.
    """

    def __init__(self, form="text", out=None):
        self.form, self._out = form, out

    def event(self, text):
        """Write a line about something that happened, to a version for example."""
        self._write(lines_of(text) if self.form == "text" else self._object({"event": text}))

    def request(self, row):
        """Write a request that has been answered, where the form is "json". row: its fields, JSON values."""
        if self.form == "json":
            self._write(self._object({"event": "request"} | row))

    def _object(self, row):
        return json.dumps({"time": round(time.time(), 3)} | row)

    def _write(self, line):
        with contextlib.suppress(OSError, ValueError):  # ValueError: the stream is closed
            print(line, file=self._out or sys.stderr, flush=True)
