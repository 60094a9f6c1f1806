"""What verbs share that go through a video frame by frame: flags, files that are written, stopping and going on."""

import contextlib
import json
import pathlib
import signal
import sys

from kerasvision.cli.apart import check_apart
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.escaping import line_of


def add_flags(parser):
    """Add the arguments of what goes through a video."""
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every N-th frame")
    parser.add_argument("--start", type=float, default=0.0, metavar="SECONDS", help="take frames from here on")
    parser.add_argument("--end", type=float, metavar="SECONDS", help="and before this")
    parser.add_argument(
        "--rate", type=float, metavar="HZ", help="frames a second of a folder, or of boxes (default: 30)"
    )
    parser.add_argument("--draw", metavar="OUT.mp4", help="write the video with what was found")
    parser.add_argument(
        "--trails", type=float, default=0.0, metavar="SECONDS", help="draw the way that each object has come in so many"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line a frame on stdout")
    parser.add_argument("--mot", metavar="OUT.txt", help="write MOTChallenge's lines")
    parser.add_argument("--resume", action="store_true", help="go on where the same command was stopped")


def go_through(args, follower, judge=None, finish=None):
    """Follow frame by frame, write what was asked for, and say how it went.

    follower: `session`, `classes`, `boxes` ({frame: boxes} where there may be no video, else None), `step` (frame ->
    answer of objects), `events` (answer -> what JSON says of a frame beside its objects), `overlay`, `counted`, what
    that draws beside objects, `found`, in words, `rest` (number of the last frame -> what stands behind it, in words),
    `identity`, a text that the state is of, and `goes_on`, whether a state of such a text is its own. judge: called
    with the number and the answer of each frame. finish: called after the last one; where it raises what was stopped
    before can still be gone on with.
    """
    _check(args)
    kept, begin = _state_file(args), {}
    if args.resume:
        begin = _go_on(follower, kept, args)
    with contextlib.ExitStack() as stack:
        frames, video = _frames(args, follower, stack, begin.get("next", 0))
        outputs = _Outputs(args, video, begin, stack)
        stopped, done = stack.enter_context(stoppable()), begin.get("frames", 0)
        report, frame = stack.enter_context(_bar()), None
        numbers = stack.enter_context(saying_where_it_ends((args.mot, outputs.drawn)))
        for frame in frames:
            _check_size(frame, begin)
            answer = follower.step(frame)
            outputs.write(frame, answer, follower)
            if judge:
                judge(frame.number, answer)
            done, numbers[:] = done + 1, [frame.number]
            report("frames", frame.number + 1, video.expected or None)
            if stopped:
                break
        outputs.flush()
    said = line_of(f"{done} frames, {follower.found()}{video.in_words()}")
    if stopped and frame is not None:
        raise interrupted(f"stopped after {said}; {_keep(follower, kept, frame, done, outputs, args)}")
    if finish:
        finish()
    if kept:
        kept.unlink(missing_ok=True)
    rest = follower.rest(frame.number + args.every - 1) if frame is not None and args.end is None else ""
    print(said + rest, file=sys.stderr)


def check_files(args, read=(), written=()):
    """`check_apart` of what goes through a video. read, written: what there is beside `add_flags` and the video."""
    outputs = {"--mot": args.mot, "--draw": args.draw} | dict(written)
    state = f"{args.mot or args.draw}.state.npz" if args.mot or args.draw else None
    check_apart((args.what, args.video, *read), outputs | {"the state": state})


def interrupted(text):
    """The error of what was stopped by Ctrl-C."""
    error = KerasVisionError(text)
    error.__context__ = KeyboardInterrupt()  # by which the command line knows its exit code
    return error


@contextlib.contextmanager
def saying_where_it_ends(paths):
    """Yields a list that holds the number of the last frame that is done; an error says where files end. paths: of
    those, some None.
    """
    done, written = [], " and ".join(str(path) for path in paths if path)
    try:
        yield done
    except KerasVisionError as error:
        if not (done and written):
            raise
        raise type(error)(f"{error}; {written} ends with frame {done[-1]}") from None


def _check(args):
    if not 0 <= args.trails < float("inf"):
        raise UsageError(f"--trails {args.trails:g}; allowed: seconds, 0 or more")
    if args.trails and not args.draw:
        raise UsageError("--trails are drawn; give --draw OUT.mp4")
    if args.every < 1:
        raise UsageError(f"--every {args.every}; allowed: 1 or more")


def _frames(args, follower, stack, first):
    """(what yields frames, what says `rate`, `expected`, `damaged` and `retimed` of them)."""
    from kerasvision.data import video

    held = (
        stack.enter_context(video.opened(args.video, args.rate))
        if args.video
        else video.blank(follower.boxes, args.rate)
    )
    return held.read(args.every, args.start, args.end, first), held


class _Outputs:
    """Writes what was asked for, frame by frame."""

    def __init__(self, args, video, begin, stack):
        from kerasvision.data.video import VideoWriter

        self._json, self.drawn, self._text = args.json, None, None
        if args.draw:
            if not args.video:
                raise UsageError("--draw needs a VIDEO to draw on")
            part = begin.get("parts", 0) + 1
            path = pathlib.Path(args.draw)
            self.drawn = path if part == 1 else path.with_name(f"{path.stem}.{part}{path.suffix}")
            check_apart((args.what, args.video), {"--draw": self.drawn})
            self._video, self.parts = stack.enter_context(VideoWriter(self.drawn, video.rate / args.every)), part
        self._mot, self._size, self._stack = args.mot, begin.get("bytes", 0), stack

    def write(self, frame, answer, follower):
        """Write one frame everywhere."""
        from kerasvision.data import motchallenge

        self._open()
        if self._text:
            self._add(motchallenge.to_text(frame.number, answer).encode())
        if self._json:
            held = motchallenge.to_json(frame.number, frame.time, answer, follower.classes)
            print(json.dumps(held | follower.events(answer)), flush=True)
        if self.drawn:
            self._video.add(follower.overlay.drawn(frame, answer, follower.counted()), frame.time)

    def _add(self, content):
        """To the text. A full disk is one clear line; what went there before it stays."""
        while content:
            try:
                content = content[self._text.write(content) :]
            except OSError as error:
                raise KerasVisionError(f"cannot write {self._mot}: {error.strerror}") from None

    def flush(self):
        """Remember how far the text has got."""
        self._open()
        self.bytes = self._text.tell() if self._text else 0

    def _open(self):
        """Not before there is an answer: until then a file that was there is left as it was."""
        if self._mot and not self._text:
            self._text = self._stack.enter_context(_text_file(self._mot, self._size))


def _text_file(path, size):
    """A file to write bytes to, behind its first `size` ones."""
    try:
        file = pathlib.Path(path).open("r+b" if size else "wb", 0)  # noqa: SIM115 (closed by whoever asked for it)
    except OSError as error:
        raise KerasVisionError(f"cannot write {path}: {error.strerror}") from None
    if file.seek(0, 2) < size:
        raise KerasVisionError(f"{path} is shorter than when it was stopped; leave --resume out")
    file.truncate(size)
    file.seek(size)
    return file


@contextlib.contextmanager
def stoppable():
    """A list that has something in it once somebody has pressed Ctrl-C: the frame at work is then ended. A second one
    ends at once.
    """
    asked = []

    def note(number, frame):
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def _state_file(args):
    """Where the state is kept when it is stopped: beside the first file that is written; None where none is."""
    written = args.mot or args.draw
    if args.resume and not written:
        raise UsageError("--resume goes on writing --mot or --draw; name the one that was stopped")
    return pathlib.Path(f"{written}.state.npz") if written else None


def _check_size(frame, begin):
    """Raises UsageError of a video of another size than the one that was stopped."""
    seen = list(frame.pixels.shape[:2])
    if (before := begin.get("size", seen)) != seen:
        raise UsageError(
            f"frames of {seen[1]} x {seen[0]} pixels, {before[1]} x {before[0]} when it was stopped; take that one"
        )


def _keep(follower, path, frame, done, outputs, args):
    """What to type to go on."""
    from kerasvision.systems.base import save_state

    if vars(args).get("offline") is not None:
        return "nothing is written, since --offline waits for the end"
    if path is None:
        return "nothing is kept without --mot or --draw"
    beside = {"next": frame.number + 1, "size": list(frame.pixels.shape[:2])}
    beside |= {"frames": done, "bytes": outputs.bytes, "parts": outputs.parts if outputs.drawn else 0}
    beside |= {"identity": follower.identity(), "drawing": follower.overlay.kept(), "taken": _taken(args)}
    save_state(path, follower.session.system, follower.session.state, beside)
    return "go on with the same command and --resume"


def _taken(args):
    """{argument: value} by which frames are taken."""
    return {f"--{name}": getattr(args, name) for name in ("every", "start", "end", "rate")}


def _go_on(follower, path, args):
    """What stands beside the state; the session has the state."""
    from kerasvision.systems.base import load_state

    if not path.exists():
        raise UsageError(f"nothing to go on with: {path} is not there; leave --resume out")
    state, beside = load_state(path, follower.session.system)
    if not follower.goes_on(beside.get("identity", "")):
        raise UsageError(f"{path} is the state of another model; give the one that was stopped")
    own = _taken(args)
    for name, before in beside.get("taken", {}).items():
        if own[name] != before:
            raise UsageError(f"{path} was stopped with {name} {_given(before)}, not {_given(own[name])}; give the same")
    follower.session.state = state
    if "drawing" in beside:
        follower.overlay.go_on(beside["drawing"])
    return beside


def _given(value):
    return "left out" if value is None else f"{value:g}"


def _bar():
    from kerasvision.cli.progress import progress_bar

    return progress_bar("frames")
