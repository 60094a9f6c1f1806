"""How fast is an index of very many vectors, how much does it find, what does it weigh, and what does a change cost?

Shows: `systems.index_folder` with exact search, and with the lists and codes of FAISS that `index build --recall` and
`--max-memory` choose. Vectors are drawn: points around centers, queries beside them. Found is the share of the 10
nearest, against exact search of all; a query comes alone. Changes are on the disk when they are counted. All times are
of processor, for on a busy machine a clock says little.
Command: python pipelines/measure_search.py [--count 1000000] [--dimension 128]       (needs the extra `search`)

Measured on 2 cores, AVX-512 (AMD EPYC), shared with other work; MB are of what is searched. A million:

            found  query ms     MB  build s  load s  1,000 added s  removed s  one added ms  removed ms
    exact   1.000     78.43    512      3.0     2.6           1.17       0.00           0.1         0.1
    flat    0.942      1.60    521     42.2     2.9           1.06       0.00           0.1         0.1
    8bit    0.905      0.83    137     35.1     2.7           1.29       0.07           0.1         0.1

--count 100000, before twice as many lists were made and the fewest sought:

    exact   1.000      9.73     51      0.3     0.3           0.14       0.00           0.4         0.2
    flat    0.971      0.28     52      3.5     0.3           0.14       0.00           0.3         0.2
    8bit    0.921      0.13     14      3.3     0.3           0.13       0.00           0.1         0.1
"""

import argparse
import pathlib
import tempfile
import time

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.systems import index_folder, near
from kerasvision.systems.index import Index, drawn_pictures, exact

TOP, QUERIES, CHANGES, ALONE = 10, 200, 1000, 20
CENTERS, NOISE = 50, 0.7  # vectors a center; the length of what is added to a center of length 1
KINDS = {"exact": ("flat", 1.0), "flat": ("flat", 0.95), "8bit": ("8bit", 0.9)}  # codes, and the recall asked for
COLUMNS = {  # name: (width, digits)
    "found": (6, 3),
    "query ms": (9, 2),
    "MB": (6, 0),
    "build s": (8, 1),
    "load s": (7, 1),
    "1,000 added s": (14, 2),
    "removed s": (10, 2),
    "one added ms": (13, 1),
    "removed ms": (11, 1),
}


def main(words=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000, help="vectors (default: %(default)s)")
    parser.add_argument("--dimension", type=int, default=128, help="numbers each (default: %(default)s)")
    parser.add_argument("--out", metavar="FOLDER", help="where indexes are written (default: a temporary folder)")
    asked = parser.parse_args(words)
    if asked.count < 2 * CHANGES or asked.dimension < 2:
        seen = f"measure_search: --count {asked.count} --dimension {asked.dimension}"
        raise SystemExit(f"{seen}; allowed: {2 * CHANGES} vectors or more, of 2 numbers or more")
    if not near.is_installed():
        raise SystemExit('measure_search: needs faiss-cpu; type: pip install "kerasvision[search]"')
    vectors, queries, fresh = drawn(asked.count, asked.dimension)
    true = exact(vectors, queries, TOP, np.ones(len(vectors), bool))[0]
    print(" " * 7 + " ".join(f"{name:>{width}}" for name, (width, _) in COLUMNS.items()))
    with tempfile.TemporaryDirectory(dir=asked.out) as held:
        for kind in KINDS:
            try:
                print(f"{kind:6} {line_of(measured(kind, vectors, queries, fresh, true, pathlib.Path(held) / kind))}")
            except (KerasVisionError, UsageError) as error:
                print(f"{kind:6} {error}")


def drawn(count, dimension, seed=0):
    """float32 [N, D], [QUERIES, D] and [CHANGES + ALONE, D], of length 1: points around shared centers."""
    rng = np.random.default_rng(seed)
    centers = unit(rng.normal(size=(max(2, count // CENTERS), dimension)))

    def around(size):
        noise = rng.normal(size=(size, dimension)).astype(np.float32) * np.float32(NOISE / np.sqrt(dimension))
        return unit(centers[rng.integers(0, len(centers), size)] + noise)

    return around(count), around(QUERIES), around(CHANGES + ALONE)


def unit(rows):
    """float32, of length 1."""
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def measured(kind, vectors, queries, fresh, true, folder):
    """What the table has, of one kind; the index is written to a folder."""
    codes, recall = KINDS[kind]
    count, dimension = vectors.shape
    most = 0 if codes == "flat" else count * near.bytes_of(codes, dimension)
    items = tuple({"number": n, "path": f"{n}.png"} for n in range(count))
    start = time.process_time()
    made = Index(vectors, items, "drawn", np.ones([len(drawn_pictures()), dimension], np.float32))
    index_folder.save(made, folder, near.Wanted(recall, most, exact_below=0 if recall < 1 else count + 1))
    built, start = time.process_time() - start, time.process_time()
    held = index_folder.load(folder)
    loaded, times, found = time.process_time() - start, [], []
    for query in queries:
        start = time.process_time()
        found.append(held.query(query[None], TOP)[0][0])
        times.append(time.process_time() - start)
    share = np.mean([len(np.intersect1d(a, b)) / TOP for a, b in zip(found, true, strict=True)])
    files = [folder / near.name_of(0)] if held.near is not None else [folder / "vectors.npy"]
    size = sum(file.stat().st_size for file in files)
    return share, 1e3 * np.median(times), size / 1e6, built, loaded, *changed(folder, fresh)


def changed(folder, fresh):
    """Seconds of `CHANGES` additions and removals at once, and milliseconds of one alone (the median of `ALONE`)."""
    rows = [({"path": f"new{n}.png"}, vector) for n, vector in enumerate(fresh)]
    together, alone = rows[:CHANGES], rows[CHANGES:]
    with index_folder.writing(folder) as writer:
        seconds = [
            timed(lambda: writer.add(together)),
            timed(lambda: writer.remove([item["path"] for item, _ in together])),
        ]
        added = [timed(lambda row=row: writer.add([row])) for row in alone]
        removed = [timed(lambda row=row: writer.remove([row[0]["path"]])) for row in alone]
    return *seconds, 1e3 * np.median(added), 1e3 * np.median(removed)


def timed(work):
    """Seconds of processor."""
    start = time.process_time()
    work()
    return time.process_time() - start


def line_of(row):
    """A row of the table."""
    return " ".join(f"{value:{width}.{digits}f}" for value, (width, digits) in zip(row, COLUMNS.values(), strict=True))


if __name__ == "__main__":
    main()
