"""Waiting for what another thread or process does. No clock decides a test: on a busy machine all takes as long as it
takes, and only what hangs is ended.
"""

import time

HANG = 3600.0  # seconds after which nobody believes that it will still happen


def until(is_so, told=lambda: "did not happen"):
    """Returns when `is_so()` is true. told: what an AssertionError says of a hang."""
    end = time.monotonic() + HANG
    while not is_so():
        assert time.monotonic() < end, told()
        time.sleep(0.01)
