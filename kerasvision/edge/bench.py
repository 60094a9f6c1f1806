"""How long files take on this processor: repetitions of all of them by turns, so that a busy moment hits each alike."""

import dataclasses
import os
import pathlib
import platform
import statistics
import time

import numpy as np

WARM_UP = 3
ANY_SIDE = 512  # pixels, of a picture for a file that takes any size
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm", "sve")


@dataclasses.dataclass(frozen=True)
class Timing:
    """Milliseconds of one example through a file, by the clock (median, p95, minimum) and of processor time of all its
    threads (median). interval: 95 %, of the median (order statistics of a binomial).
    """

    path: str
    threads: int
    median_ms: float
    interval_ms: tuple[float, float]
    p95_ms: float
    minimum_ms: float
    processor_ms: float
    delegate: str


def timed(subjects, repetitions):
    """[`Timing`] of each subject. subjects: [(path, threads, runtime, feed)]. repetitions: of each, 2 and more."""
    clocks, works = ([[] for _ in subjects] for _ in range(2))
    for turn in range(repetitions + WARM_UP):
        for number, (_, _, runtime, feed) in enumerate(subjects):
            clock, work = time.perf_counter(), time.process_time()
            runtime.infer(feed)
            if turn >= WARM_UP:
                works[number].append(1000 * (time.process_time() - work))
                clocks[number].append(1000 * (time.perf_counter() - clock))
    return [_timing(*pair) for pair in zip(subjects, clocks, works, strict=True)]


def _timing(subject, clock, work):
    path, threads, runtime, _ = subject
    ordered = sorted(clock)
    last = len(ordered) - 1
    around = 0.98 * len(ordered) ** 0.5  # 1.96 deviations of a binomial of one half
    low, high = (min(last, max(0, round(last / 2 + side * around))) for side in (-1, 1))
    return Timing(
        str(path),
        threads,
        statistics.median(ordered),
        (ordered[low], ordered[high]),
        ordered[min(last, int(0.95 * len(ordered)))],
        ordered[0],
        statistics.median(work),
        runtime.delegate,
    )


def drawn_feed(inputs):
    """{input: array [1, ...]} of numbers drawn with seed 0, of a file's own types and shapes; where it takes a side of
    any length, of `ANY_SIDE`.
    """
    rng, feed = np.random.default_rng(0), {}
    for key, row in inputs.items():
        shape, dtype = (
            [side or (ANY_SIDE if axis else 1) for axis, side in enumerate(row["shape"])],
            np.dtype(row["dtype"]),
        )
        limits = (0, 256) if dtype == np.uint8 else (0, 2)
        drawn = rng.random(shape) * 255 if dtype.kind == "f" else rng.integers(*limits, shape)
        feed[key] = drawn.astype(dtype)
    return feed


def processor():
    """{"name", "cores", "flags"}: which processor figures are of; flags that decide how fast integers are."""
    name, flags = platform.processor() or platform.machine(), []
    place = pathlib.Path("/proc/cpuinfo")
    if place.exists():
        rows = [line.partition(":") for line in place.read_text(errors="replace").splitlines()]
        said = {key.strip(): value.strip() for key, _, value in rows}
        name = said.get("model name", name)
        words = (said.get("flags") or said.get("Features") or "").split()
        flags = [flag for flag in FLAGS if flag in words]
    return {"name": name, "cores": len(os.sched_getaffinity(0)), "flags": flags}
