"""A process that decodes mutated pictures: `python -m tests.data.fuzzing SEED COUNT FILE`.

Prints one line of JSON. FILE holds the picture that is being decoded, so that a dead process leaves what killed it.
"""

import collections
import contextlib
import ctypes
import gc
import json
import pathlib
import random
import resource
import struct
import sys
import warnings
import zlib

import numpy as np
import tensorflow as tf

from kerasvision.data.decode import decode, image_hw, on_host
from tests.data.by_pillow import expected, is_unfinished, most_off, seeds

SECONDS = 20  # of processor time that one picture may take
EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
COMPARED = 2_000_000  # pixels


def mutated(rng, data, every):
    """Bytes of one picture after one to three changes."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        change = rng.choice((flipped, overwritten, truncated, lied, lied, moved, spliced, in_chunk, in_chunk))
        data = change(rng, bytearray(data), every)
    return bytes(data)


def flipped(rng, data, every):
    for _ in range(rng.choice((1, 1, 2, 8)) if data else 0):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def overwritten(rng, data, every):
    at = rng.randrange(len(data) + 1)
    data[at : at + rng.choice((1, 4, 40))] = rng.randbytes(rng.choice((0, 1, 4, 40)))
    return data


def truncated(rng, data, every):
    return data[: rng.randrange(len(data) + 1)]


def lied(rng, data, every):
    """A number of the header, of two or four bytes in either order, becomes an extreme one or one nearby."""
    code = rng.choice(("<H", ">H", "<I", ">I"))
    size = struct.calcsize(code)
    at = rng.randrange(max(1, min(len(data) - size, 70)))
    if len(data) < at + size:
        return data
    near = struct.unpack_from(code, data, at)[0] + rng.choice((-1, 1, 7))
    struct.pack_into(code, data, at, rng.choice((*EXTREMES, near)) % (1 << 8 * size))
    return data


def moved(rng, data, every):
    """A part is taken out and perhaps put in elsewhere, once or twice."""
    start = rng.randrange(len(data) + 1)
    part = data[start : start + rng.choice((1, 8, 64, 512))]
    if rng.randrange(2):
        del data[start : start + len(part)]
    for _ in range(rng.randrange(3)):
        at = rng.randrange(len(data) + 1)
        data[at:at] = part
    return data


def spliced(rng, data, every):
    """The front of one file and the end of another."""
    other = rng.choice(every)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def in_chunk(rng, data, every):
    """A change within a chunk, whose length and checksum are then right again."""
    if data[:4] == b"\x89PNG":
        return _png_chunk(rng, data, every)
    data = flipped(rng, data, every) if rng.randrange(2) else moved(rng, data, every)
    if data[:4] == b"RIFF" and len(data) >= 8:
        data[4:8] = struct.pack("<I", len(data) - 8)
    return data


def _png_chunk(rng, data, every):
    chunks, at = [], 8
    while at + 12 <= len(data):
        size = struct.unpack_from(">I", data, at)[0]
        chunks.append((bytes(data[at + 4 : at + 8]), data[at + 8 : at + 8 + size]))
        at += 12 + size
    if not chunks:
        return data
    number = rng.randrange(len(chunks))
    kind, held = chunks[number]
    if kind == b"IDAT" and rng.randrange(2):
        with contextlib.suppress(zlib.error):
            held = zlib.compress(bytes(flipped(rng, bytearray(zlib.decompress(held)), every)))
    else:
        held = rng.choice((flipped, overwritten, lied))(rng, bytearray(held), every)
    chunks[number] = (kind, held)
    if rng.randrange(4) == 0:
        chunks.insert(rng.randrange(len(chunks)), rng.choice(chunks))
    parts = [struct.pack(">I", len(h)) + k + h + struct.pack(">I", zlib.crc32(k + h)) for k, h in chunks]
    return bytearray(data[:8] + b"".join(map(bytes, parts)))


def compared(data):
    """What became of a picture: a word, and for "different" how."""
    graph, sizes = on_host(decode), on_host(image_hw)
    encoded = tf.constant(bytes(data))
    try:
        got = graph(encoded).numpy()
    except tf.errors.InvalidArgumentError:
        return "refused", ""
    said = tuple(sizes(encoded).numpy().tolist())
    if said != got.shape[:2]:
        return "different", f"image_hw {said}, decoded {got.shape}"
    if got.size > 3 * COMPARED:
        return "large", ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            want = expected(data)
    except Exception:  # Pillow raises OSError, SyntaxError, ValueError, struct.error, KeyError ...
        return "refused by Pillow alone", ""
    if got.shape != want.shape:
        return "different", f"Pillow {want.shape}, decoded {got.shape}"
    off = np.abs(got.astype(int) - want)
    if off.max(initial=0) <= most_off(data):
        return "equal", ""
    how = f"{(off > 0).mean():.3f} of pixels, by up to {off.max()}"
    return "guessed" if data[:2] == b"\xff\xd8" and is_unfinished(data) else "different", how


def timed(data):
    """`compared`, in a process that ends where it takes longer than `SECONDS`."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
    return compared(data)


def resident():
    """Bytes in memory that are in use: what has been given back is handed to the system first."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def main(seed, count, current):
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    held = seeds(numbers)
    every = list(held.values())
    counts, kinds, odd, again = collections.Counter(), collections.Counter(), [], []
    for name, data in held.items():
        word, how = compared(data)
        if word not in ("equal",) and name != "bmp 1":
            odd.append((f"{name} itself", f"{word} {how}", ""))
    for number in range(count):
        name = rng.choice(list(held))
        data = mutated(rng, held[name], every)
        pathlib.Path(current).write_bytes(data)
        word, how = timed(data)
        counts[word] += 1
        kinds[f"{name}: {word}"] += 1
        if word == "different":
            odd.append((name, how, data.hex()))
        if number >= count - count // 8:
            again.append(data)
    # what was decoded before must not grow memory: a file that lies about its size grows it once, a leak each time
    timed(again[0])
    warm = resident()
    for data in again:
        timed(data)
    grown = resident() - warm
    print(json.dumps({"counts": counts, "kinds": kinds, "odd": odd[:200], "odd_count": len(odd), "grown": grown}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
