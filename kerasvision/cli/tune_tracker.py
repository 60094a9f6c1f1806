"""`kerasvision tune BOXES.txt --ground-truth GT.txt --search ...`: good settings of a tracker, by HOTA.

What is detected, and what it looks like, is found once and kept in the study's folder: a trial is associations alone.
"""

import contextlib
import dataclasses
import json
import pathlib
import sys

from kerasvision.cli.offline import COLORS
from kerasvision.core.errors import UsageError

SHOWN = ("HOTA", "DetA", "AssA", "MOTA", "IDF1", "switches")


def add_tracker_flags(parser):
    """Add the arguments of a search for a tracker's settings."""
    parser.add_argument(
        "--ground-truth", metavar="GT.txt", help="search settings of a tracker by HOTA: of boxes, or RUN with --video"
    )
    parser.add_argument("--video", metavar="VIDEO", help="of a tracker: what RUN detects in, and --appearance looks at")
    parser.add_argument("--appearance", metavar="RUN", help="of a tracker: an embedding model, or colors")
    parser.add_argument("--tracker", metavar="NAME", help="of a tracker: whose settings it begins with (bytetrack)")
    parser.add_argument("--rate", type=float, metavar="HZ", help="of a tracker: frames a second of boxes (30)")
    parser.add_argument(
        "--held-out", nargs="+", default=[], metavar="NAME", help="sequences of a folder that are judged at the end"
    )


def is_of_tracker(args):
    """Whether a tracker is searched: boxes, sequences in MOTChallenge's folders, or anything with a ground truth.
    Raises UsageError of arguments that go with a tracker alone.
    """
    from kerasvision.data import motchallenge

    what = pathlib.Path(args.what)
    found = bool(args.ground_truth) or what.suffix.lower() in motchallenge.SUFFIXES
    found = found or (what.is_dir() and any(what.glob("*/gt/gt.txt")))
    if not found and (alone := [f for f in ("video", "appearance", "tracker", "rate", "held_out") if getattr(args, f)]):
        flag = alone[0].replace("_", "-")
        raise UsageError(f"--{flag} goes with a search for a tracker's settings; give --ground-truth GT.txt")
    return found


def tune_tracker(args):
    """Search, print the trials and what to type."""
    from kerasvision.experiments.dimensions import parse_dimension
    from kerasvision.experiments.fields import check_search, search_fields
    from kerasvision.systems.judging import digest, judged
    from kerasvision.systems.trackers import DEFAULT, tracker_of

    if args.find_rate or args.data:
        raise UsageError("--find-rate and --data are of a training; a tracker has none")
    search = [parse_dimension(text) for text in args.search]
    tracker = tracker_of(args.tracker or DEFAULT, args.settings)
    if args.appearance and not tracker.appearance:
        tracker = dataclasses.replace(tracker, appearance=1.0)
    if tracker.pictures:
        raise UsageError("tune keeps boxes and looks of frames, and no pictures; give --set pictures=False")
    if tracker.appearance and not args.appearance:
        raise UsageError("appearance above 0 needs what each box looks like; name an embedding run (--appearance RUN)")
    check_search(tracker, search, args.trials)
    sources = _sources(args)
    missing = [name for name in args.held_out if name not in sources]
    if missing or len(args.held_out) >= len(sources):
        raise UsageError(
            f"--held-out {' '.join(args.held_out)}: {args.what} has {', '.join(sources)}; name some of them"
        )
    sequences = {name: _sequence(args, name, *source) for name, source in sources.items()}
    seen = [held for name, held in sequences.items() if name not in args.held_out]
    kept = [sequences[name] for name in args.held_out]
    if kept and not any((held["scores"] > 0).any() for one in kept for held in one.true.values()):
        raise UsageError(f"--held-out {' '.join(args.held_out)}: the ground truth has no object that counts")
    searched = search_fields(tracker, search, lambda t: judged(t, seen)["HOTA"], args.trials, args.out, digest(seen))
    rows = {"as it was": tracker, "best": searched.best_part}
    figures = {name: judged(part, kept) for name, part in rows.items()} if kept else {}
    _print(args, searched, figures)
    return 0


def _sources(args):
    """{name: (boxes or None, ground truth, video or None, rate or None)}, paths."""
    from kerasvision.data import motchallenge

    what = pathlib.Path(args.what)
    if not args.ground_truth:
        if not what.is_dir():
            raise UsageError(f"a tracker is judged by a ground truth; give --ground-truth GT.txt beside {what}")
        if args.video:
            raise UsageError("--video goes with one ground truth; sequences of a folder have img1/")
        found = motchallenge.sequences_of(what)
        return {name: (*paths, args.rate or rate) for name, (*paths, rate) in found.items()}
    is_boxes = what.suffix.lower() in motchallenge.SUFFIXES
    if not is_boxes and not args.video:
        raise UsageError(f"{what} detects in pictures; give --video VIDEO")
    return {"all": (what if is_boxes else None, args.ground_truth, args.video, args.rate)}


def _sequence(args, name, boxes, ground_truth, video, rate):
    """The `Sequence` of a source: from its files, or with what models have found, kept in the study's folder."""
    from kerasvision.data import motchallenge
    from kerasvision.data.video import blank
    from kerasvision.systems.judging import Sequence
    from kerasvision.systems.kept_frames import load_frames, of_one_size, save_frames

    true = motchallenge.read_boxes(ground_truth)
    held = motchallenge.read_boxes(boxes) if boxes else None
    if held is not None and not args.appearance:
        numbers = [*held, *true]
        frames = ((f.number, f.time) for f in blank(numbers, rate).read())
        return Sequence(
            name, tuple((n, held.get(n, motchallenge.nothing()) | {"time": time}) for n, time in frames), true
        )
    if not video:
        raise UsageError(f"--appearance looks at pictures, and {name} has none; give --video, or img1/ in its folder")
    kept = pathlib.Path(args.out) / "found" / f"{name}.npz"
    about = json.dumps([_stamp(path) for path in (video, boxes or args.what, args.appearance)] + [rate])
    if (frames := load_frames(kept, about)) is None:
        frames = of_one_size(_found(args, held, video, rate))
        save_frames(kept, about, frames)
    return Sequence(name, frames, true)


def _stamp(path):
    """What tells a file or folder from what it was: its name, when it was changed, its size."""
    if not path or path == COLORS:
        return path
    path = pathlib.Path(path)
    if not path.exists():
        raise UsageError(f"nothing is at {path}")
    every = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return [[str(p), p.stat().st_mtime_ns, p.stat().st_size] for p in every]


def _found(args, held, video, rate):
    """Yields (number, what a tracker's step takes) of a video: boxes that are held, or what the model finds."""
    from kerasvision.api import load
    from kerasvision.cli.offline import embedder_of
    from kerasvision.cli.progress import progress_bar
    from kerasvision.data import motchallenge
    from kerasvision.data.video import opened
    from kerasvision.systems.looked import looks_of
    from kerasvision.systems.multi_object import boxes_in

    detector = load(args.what) if held is None else None
    embedder = embedder_of(args.appearance) if args.appearance else None
    with contextlib.ExitStack() as stack:
        opened_video, report = stack.enter_context(opened(video, rate)), stack.enter_context(progress_bar("frames"))
        for frame in opened_video.read():
            found = boxes_in(detector, frame.pixels) if detector else held.get(frame.number, motchallenge.nothing())
            inputs = {key: found[key] for key in ("boxes_xyxy", "scores", "labels")} | {"time": frame.time}
            if embedder:
                every = [True] * len(found["scores"])
                inputs["embeddings"] = looks_of(embedder, frame.pixels, found["boxes_xyxy"], every)
            report("frames", frame.number + 1, opened_video.expected or None)
            yield frame.number, inputs
    if said := opened_video.in_words():
        print(f"{video}{said}", file=sys.stderr)


def _print(args, searched, figures):
    best = searched.best
    if args.json:
        held = {"metric": searched.metric, "start": searched.start, "best": best and dataclasses.asdict(best)}
        held |= {"trials": [dataclasses.asdict(t) for t in searched.trials], "held_out": figures}
        return print(json.dumps(held, indent=2))
    from rich.console import Console
    from rich.table import Table

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120)
    for title, rows in _tables(searched, figures):
        table = Table(title=title)
        for column in rows[0]:
            table.add_column(column)
        for row in rows[1:]:
            table.add_row(*row)
        console.print(table)
    if not best:
        return console.print(f"no trial is better than the settings as they were, HOTA {searched.start:.4f}")
    own = [text for text in args.settings if text.partition("=")[0] not in best.settings]
    words = " ".join([*own, *(f"{key}={text}" for key, text in best.settings.items())])
    looks = f" --appearance {args.appearance}" if args.appearance else ""
    said = f"HOTA {best.value:.4f}, {searched.start:.4f} as it was; on these sequences: --held-out judges others"
    said = said.partition(";")[0] if figures else said
    typed = f"--tracker {args.tracker or 'bytetrack'}{looks} --set {words}"
    return console.print(f"{said}\ntype: {typed}", markup=False, soft_wrap=True)


def _tables(searched, figures):
    """Yields (title, rows of text, the first of them the head)."""
    fields = list(dict.fromkeys(path for t in searched.trials for path in t.settings))
    rows = [("trial", "state", searched.metric, *fields)]
    for t in sorted(searched.trials, key=lambda t: (t.state != "complete", -(t.value or 0.0))):
        settings = (t.settings.get(path, "")[:8] for path in fields)
        rows.append((str(t.number), t.state, "" if t.value is None else f"{t.value:.4f}", *settings))
    yield str(searched.folder), rows
    if figures:
        yield (
            "held out",
            [("settings", *SHOWN), *((k, *(f"{v[name]:.4f}" for name in SHOWN)) for k, v in figures.items())],
        )
