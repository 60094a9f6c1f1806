"""Two things timed in turn, A B A B ..., so that a machine that slows down slows both."""

import statistics
import time


def paired(first, second, rounds=5, warmup=1):
    """Median over rounds of seconds(first) / seconds(second), and both medians. Each takes no arguments."""
    for _ in range(warmup):
        first(), second()
    pairs = [(_seconds(first), _seconds(second)) for _ in range(rounds)]
    ratio = statistics.median(a / b for a, b in pairs)
    return ratio, *(statistics.median(column) for column in zip(*pairs, strict=True))


def _seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
