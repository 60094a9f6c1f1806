"""`kerasvision track RUN_OR_BOXES VIDEO`: every object of a video with an identity of its own."""

import dataclasses
import functools
import json
import pathlib
import sys
import typing

from kerasvision.cli.frames import add_flags, check_files, go_through
from kerasvision.cli.offline import add_offline, check_same_as, offline_of, without_outputs, write_revised
from kerasvision.cli.overlay import ALL, Overlay
from kerasvision.cli.places import add_places, check_inside, events_of, in_words, places_of
from kerasvision.cli.recipes import add_settings
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import write_text

HELP = "follow the objects of a video: a detector's, or boxes from a file, with a number for each object"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument(
        "what",
        metavar="RUN_OR_BOXES",
        help="a detector (RUN, SAVED_MODEL, FILE.tflite, FILE.onnx), or boxes: MOTChallenge's .txt, or .jsonl",
    )
    parser.add_argument(
        "video", nargs="?", metavar="VIDEO", help="a file, a folder of pictures, - for stdin; boxes need none"
    )
    parser.add_argument(
        "--tracker",
        default="",
        metavar="NAME",
        help="sort, bytetrack, ocsort, botsort, slots or kerasvision (default: the one in the file, else bytetrack)",
    )
    parser.add_argument(
        "--appearance", metavar="RUN", help="an embedding model, or colors, by which objects are known again by looks"
    )
    add_settings(parser, "settings of the tracker, as in keep_s=2")
    add_flags(parser)
    add_places(parser)
    parser.add_argument(
        "--anchor", choices=("bottom", "center"), default="bottom", help="where in its box an object is"
    )
    parser.add_argument(
        "--blur", nargs="+", default=[], metavar="WHO", help=f"objects by number, classes, or {ALL}: blurred in --draw"
    )
    add_offline(parser)
    parser.add_argument("--ground-truth", metavar="GT.txt", help="judge the whole by MOTChallenge's lines: HOTA ...")


def run(args):
    """Follow, write, and say how it went."""
    written = {"--counts": args.counts, "--looks": args.looks}
    check_files(args, (args.ground_truth, args.places, args.appearance, args.same_as), written)
    places = places_of(args)
    _check(args, places)
    offline = offline_of(args, places)
    follower = _follower(args, places, bool(offline))
    if offline:
        check_same_as(args, follower.identity())
    if args.resume and args.ground_truth:
        raise UsageError("--ground-truth judges a whole; judge it without --resume, by giving --mot's file as boxes")
    judge = _judge(args, follower)
    if offline:
        revise = functools.partial(write_revised, args, follower, offline, judge)
        go_through(without_outputs(args), follower, finish=revise)
    else:
        go_through(args, follower, judge, lambda: args.counts and _write_counts(args.counts, follower.counted()))
    if judge:
        _print_figures(judge.result())


@dataclasses.dataclass(eq=False)
class _Follower:
    """session: of a system. inputs: frame -> what its step takes, without the time. boxes: {frame: boxes} or None.
    places: of `cli.places.places_of`, empty where the session's system counts nothing.
    """

    session: typing.Any
    inputs: typing.Callable
    classes: tuple
    places: dict
    overlay: Overlay
    boxes: dict | None = None
    state_is_of: str = ""  # beside the tracker; boxes, and any detector's, are followed alike
    record: typing.Any = None  # a `systems.offline.Record` of what is answered
    is_checked: bool = False

    def step(self, frame):
        """A frame of `frames.read` -> the answer: numpy arrays by key, of the tracker's outputs. Moves the state on."""
        if not self.is_checked and frame.pixels.size:
            check_inside(self.places, *frame.pixels.shape[:2])
        self.is_checked = True
        answer = self.session.step(self.inputs(frame) | {"time": frame.time})
        if self.record:
            self.record.add(frame.number, frame.time, answer)
        return answer

    def events(self, answer):
        """What JSON says of a frame beside its objects: who crossed a line, who entered or left a zone."""
        return events_of(self.places, answer, self.classes) if any(self.places.values()) else {}

    def counted(self):
        """`systems.counting.totals` so far, or None where nothing is counted."""
        if not any(self.places.values()):
            return None
        from kerasvision.systems.counting import totals

        return totals(self.session.system, self.session.state, self.classes)

    def found(self):
        """What was found so far, in words."""
        counted = self.counted()
        said = [self._objects(), *(in_words(counted) if counted else ())]
        if left_out := getattr(self.inputs, "left_out", 0):
            said.append(f"{left_out} boxes without area or outside of the picture left out")
        if self.overlay.unseen:
            said.append(f"--blur: never seen {', '.join(sorted(self.overlay.unseen, key=int))}")
        return "; ".join(said)

    def rest(self, number):
        """What stands behind the last frame, in words: boxes of frames that a video does not have."""
        count = sum(held > number for held in self.boxes or ())
        return f"; boxes of {count} frames behind the last one were not taken" if count else ""

    def _objects(self):
        state = self.session.state
        if "next_id" in state:
            return f"{int(state['next_id']) - 1} objects"
        given = int(state["counts"][0, 1]) if "counts" in state else 0
        left = int(state["left_out"])
        return f"{given} objects by the model's own tracker" + (
            f"; {left} times one had no slot, the surest have them" if left else ""
        )

    def identity(self):
        """str, what beside the tracker the kept state belongs to: "" where any model's boxes may go on with it."""
        return self.state_is_of

    def goes_on(self, identity):
        """Whether a state of that `identity` is this one's: an embedder's files and other machines round otherwise."""
        from kerasvision.systems.slots import same_identity

        return same_identity(identity, self.state_is_of)


def _check(args, places):
    if args.counts and not any(places.values()):
        raise UsageError("--counts writes what --line, --zone or --places count; name one")
    if args.counts and not pathlib.Path(args.counts).absolute().parent.is_dir():
        raise UsageError(f"--counts {args.counts}: the folder is not there")
    if args.counts and pathlib.Path(args.counts).is_dir():
        raise UsageError(f"--counts {args.counts}: that is a folder; name a file")
    if args.blur and not args.draw:
        raise UsageError("--blur changes what is drawn; give --draw OUT.mp4")


def _follower(args, places, offline):
    from kerasvision.data import motchallenge
    from kerasvision.systems.multi_object import Detected
    from kerasvision.systems.offline import Record
    from kerasvision.systems.slots import InGraph, has_own_tracker, identity_of
    from kerasvision.systems.trackers import DEFAULT, tracker_of

    tracker = tracker_of(args.tracker or DEFAULT, args.settings)
    record = Record(tracker.noise) if offline else None
    tracker = dataclasses.replace(tracker, smooth=tracker.smooth and not offline)  # once is enough
    tracker, models, held = _looked(args, tracker)
    if args.what.lower().endswith(motchallenge.SUFFIXES):
        boxes = motchallenge.read_boxes(args.what)
        given = _Given(boxes, motchallenge.nothing())
        return _of(args, places, tracker, models, given, boxes=boxes, state_is_of=held, record=record)
    from kerasvision.api import load

    if not args.video:
        raise UsageError("track needs a VIDEO, unless it is given boxes")
    model = load(args.what)
    if "boxes_xyxy" not in model.arch.outputs:
        raise UsageError(f"{args.what} ({model.arch.registered_name}) finds no boxes; track takes a detector or boxes")
    system = Detected(tracker)
    if not args.tracker and has_own_tracker(model.arch):
        if args.settings or args.appearance or offline:
            flag = "--set" if args.settings else "--appearance" if args.appearance else "--offline"
            raise UsageError(
                f"{flag}: {args.what} has a tracker of its own; name another with --tracker, or export it anew"
            )
        system, held = InGraph(), identity_of(model.arch)
    models, classes = {"detector": model} | models, tuple(model.classes)
    return _of(args, places, system, models, _picture, classes, state_is_of=held, record=record)


def _picture(frame):
    return {"image": frame.pixels}


@dataclasses.dataclass(eq=False)
class _Given:
    """Boxes of a file as inputs of a tracker. left_out: how many had no area, or no pixel of the picture, so far."""

    boxes: dict
    nothing: dict
    left_out: int = 0

    def __call__(self, frame):
        held, (height, width) = self.boxes.get(frame.number, self.nothing), frame.pixels.shape[:2]
        low, high = held["boxes_xyxy"][:, :2], held["boxes_xyxy"][:, 2:]
        counts = (high > low).all(1)
        if frame.pixels.size:
            counts &= (high > 0).all(1) & (low < (width, height)).all(1)
        self.left_out += int((~counts).sum())
        image = frame.pixels if frame.pixels.size else None
        return {key: value[counts] for key, value in held.items()} | {"image": image}


def _looked(args, tracker):
    """(the tracker, by looks where a model for them is named, its models, what its state belongs to beside it)."""
    if not args.appearance:
        return tracker, {}, ""
    from kerasvision.cli.offline import embedder_of
    from kerasvision.systems.looked import Looked, fingerprint

    if not args.video:
        raise UsageError("--appearance looks at the pictures of a VIDEO; name one")
    model = embedder_of(args.appearance)
    tracker = tracker if tracker.appearance else dataclasses.replace(tracker, appearance=1.0)
    return Looked(tracker), {"embedder": model}, fingerprint(model)


def _of(args, places, system, models, inputs, classes=(), boxes=None, state_is_of="", record=None):
    """A `_Follower` by a system, which also counts where there are lines or zones."""
    from kerasvision.systems.base import Session
    from kerasvision.systems.counting import Counting

    if any(places.values()):
        system = Counting(system, places["lines"], places["zones"], args.anchor)
    overlay = Overlay(classes, args.trails, args.blur, places, args.anchor)
    return _Follower(Session(system, models), inputs, classes, places, overlay, boxes, state_is_of, record)


def _judge(args, follower):
    if not args.ground_truth:
        return None
    from kerasvision.data import motchallenge
    from kerasvision.systems.judging import Judge

    return Judge(follower.session.system.evaluator(), motchallenge.read_boxes(args.ground_truth))


def _write_counts(path, counted):
    try:
        write_text(pathlib.Path(path), json.dumps(counted, indent=2) + "\n")
    except OSError as error:
        raise KerasVisionError(f"cannot write {path}: {error.strerror}") from None


def _print_figures(figures):
    from rich.console import Console
    from rich.table import Table

    counts = ("switches", "fragments", "mostly_tracked", "mostly_lost", "objects")
    table = Table()
    for column in ("figure", "value"):
        table.add_column(column)
    for name, value in figures.items():
        table.add_row(name, f"{value:.0f}" if name in counts else f"{value:.4f}")
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 110).print(table)
