"""What a user names, from the web where it stands there."""

import http.client
import os
import pathlib
import urllib.error
import urllib.request

from kerasvision.core.errors import KerasVisionError

MOST_BYTES = 256 * 2**20  # of what a URL gives
_SCHEMES = ("http://", "https://")
_SECONDS = 30  # without an answer


def is_url(given):
    """Whether it is the address of something on the web."""
    return isinstance(given, str) and given.lower().startswith(_SCHEMES)


def fetched(given):
    """What was given, with the bytes behind each URL in its place. Raises KerasVisionError, one line."""
    if isinstance(given, dict):
        return {key: fetched(one) for key, one in given.items()}
    if not is_url(given):
        return given
    request = urllib.request.Request(given, headers={"User-Agent": "kerasvision"})  # noqa: S310 (its scheme is known)
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            held = answer.read(MOST_BYTES + 1)
    except (OSError, ValueError, http.client.HTTPException, urllib.error.URLError) as error:
        raise KerasVisionError(f"{given} cannot be fetched: {error}") from None
    if len(held) > MOST_BYTES:
        raise KerasVisionError(f"{given} has more than {MOST_BYTES // 2**20} MB; fetch it yourself and name the file")
    return held


def name_of(given):
    """What a caption calls it: a file's name; "" of bytes and arrays."""
    if isinstance(given, dict):
        return ", ".join(name for name in map(name_of, given.values()) if name)
    return pathlib.PurePath(given).name[:80] if isinstance(given, (str, os.PathLike)) else ""
