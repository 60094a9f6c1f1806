"""Bodies of HTTP requests, whole, unpacked and of a bounded size, whatever their headers say."""

import asyncio
import contextlib
import zlib

from starlette.concurrency import run_in_threadpool

from kerasvision.serve.answering import here
from kerasvision.serve.status import Code, ServingError, invalid

LARGEST_BODY = 64 * 2**20  # bytes
AT_ONCE = 8  # of the largest ones that are held at once
BODY_SECONDS = 30.0  # for a body to come in whole: a slow client must not hold a place for ever
_PIECE = 2**18  # bytes that are unpacked in less than a millisecond
_MEMBERS = 64  # of a gzip file, which may be several in a row
_PLAIN, _GZIP = ("", "identity"), ("gzip", "x-gzip")


class Bodies:
    """Reads bodies, and counts the bytes of all that are held at once. largest: bytes of one body, as it comes and
    unpacked.
    """

    def __init__(self, largest=LARGEST_BODY):
        self._largest, self._bytes = largest, 0

    @contextlib.asynccontextmanager
    async def of(self, request):
        """An async context manager of a starlette request's body, unpacked bytes, which counts as held until the end.

        Raises ServingError: INVALID_ARGUMENT of a coding that is not gzip, RESOURCE_EXHAUSTED of too many bytes,
        DEADLINE_EXCEEDED where the body does not come in `BODY_SECONDS`.
        """
        coding, held = request.headers.get("content-encoding", "").strip().lower(), []
        if coding not in (*_PLAIN, *_GZIP):
            raise invalid(f"Content-Encoding: {coding[:100]} is not taken; allowed: gzip, identity")
        try:
            body = await self._received(request, held)
            yield await self._unpacked(body, held) if coding in _GZIP else body
        finally:
            self._bytes -= sum(map(len, held))

    async def _received(self, request, held):
        with contextlib.suppress(ValueError):
            self._check(int(request.headers.get("content-length", 0)))
        parts, size = [], 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for part in request.stream():
                    size += len(part)
                    self._take(part, size, parts, held)
        except TimeoutError:
            raise ServingError(Code.DEADLINE_EXCEEDED, f"the body did not come in {BODY_SECONDS:g} seconds") from None
        return b"".join(parts)

    async def _unpacked(self, body, held):
        pieces, parts, size, turn = unpacked(body), [], 0, here
        while piece := await turn(next, pieces, None):
            size += len(piece)
            self._take(piece, size, parts, held)
            turn = run_in_threadpool  # a small body is one piece, and needs none
        return b"".join(parts)

    def _take(self, part, size, parts, held):
        self._check(size)
        parts.append(part)
        held.append(part)
        self._bytes += len(part)
        if self._bytes > AT_ONCE * self._largest:
            text = f"{self._bytes} bytes of requests are being read; try again later"
            raise ServingError(Code.RESOURCE_EXHAUSTED, text)

    def _check(self, size):
        if size > self._largest:
            text = f"a request may have {self._largest} bytes; send fewer instances at once"
            raise ServingError(Code.RESOURCE_EXHAUSTED, text)


def unpacked(content):
    """Yields what gzip bytes (RFC 1952) hold, in pieces so small that the caller can stop before memory is full.

    Raises ServingError (INVALID_ARGUMENT) of bytes that are no whole gzip file.
    """
    at = 0
    for _ in range(_MEMBERS):
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            if at == len(content):
                raise invalid("the body is no gzip that ends")
            fed = content[at : at + _PIECE]
            at += len(fed)
            try:
                while piece := member.decompress(fed, _PIECE):
                    fed = member.unconsumed_tail
                    yield piece
            except zlib.error as error:
                raise invalid(f"the body is no gzip: {error}") from None
        at -= len(member.unused_data)
        if at == len(content):
            return
    raise invalid(f"the body is gzip of more than {_MEMBERS} members")
