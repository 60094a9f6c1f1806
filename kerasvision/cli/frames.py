"""What verbs share that go through a video frame by frame: flags, files that are written, stopping and going on."""

import contextlib
import json
import pathlib
import signal
import sys

from kerasvision.core.errors import KerasVisionError, UsageError


def add_flags(parser):
    """Add the arguments of what goes through a video."""
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every N-th frame")
    parser.add_argument("--start", type=float, default=0.0, metavar="SECONDS", help="take frames from here on")
    parser.add_argument("--end", type=float, metavar="SECONDS", help="and before this")
    parser.add_argument(
        "--rate", type=float, metavar="HZ", help="frames a second of a folder, or of boxes (default: 30)"
    )
    parser.add_argument("--draw", metavar="OUT.mp4", help="write the video with what was found")
    parser.add_argument("--json", action="store_true", help="one JSON line a frame on stdout")
    parser.add_argument("--mot", metavar="OUT.txt", help="write MOTChallenge's lines")
    parser.add_argument("--resume", action="store_true", help="go on where the same command was stopped")


def go_through(args, follower, judge=None):
    """Follow frame by frame, write what was asked for, and say how it went.

    follower: `session`, `classes`, `boxes` ({frame: boxes} where there may be no video, else None), `step` (frame ->
    answer of objects), `found`, in words, and `identity`, a text that the state is of. judge: called with the number
    and the answer of each frame.
    """
    kept, begin = _state_file(args), {}
    if args.resume:
        begin = _go_on(follower, kept, args)
    with contextlib.ExitStack() as stack:
        frames, video = _frames(args, follower, stack, begin.get("next", 0))
        outputs = _Outputs(args, video, begin, stack)
        stopped, done = stack.enter_context(stoppable()), begin.get("frames", 0)
        report, frame = stack.enter_context(_bar()), None
        for frame in frames:
            answer = follower.step(frame)
            outputs.write(frame, answer, follower.classes)
            if judge:
                judge(frame.number, answer)
            done += 1
            report("frames", frame.number + 1, video.expected or None)
            if stopped:
                break
        outputs.flush()
    said = f"{done} frames, {follower.found()}"
    if video.damaged or video.retimed:
        said += f"; {video.damaged} damaged frames left out, {video.retimed} with a time that did not go on"
    if stopped and frame is not None:
        error = KerasVisionError(f"stopped after {said}; {_keep(follower, kept, frame.number + 1, done, outputs)}")
        error.__context__ = KeyboardInterrupt()  # by which the command line knows its exit code
        raise error
    if kept:
        kept.unlink(missing_ok=True)
    print(said, file=sys.stderr)


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

        self._json, self.drawn = args.json, None
        if args.draw:
            if not args.video:
                raise UsageError("--draw needs a VIDEO to draw on")
            part = begin.get("parts", 0) + 1
            path = pathlib.Path(args.draw)
            self.drawn = path if part == 1 else path.with_name(f"{path.stem}.{part}{path.suffix}")
            self._video, self.parts = stack.enter_context(VideoWriter(self.drawn, video.rate / args.every)), part
        self._text = stack.enter_context(_text_file(args.mot, begin.get("bytes", 0))) if args.mot else None

    def write(self, frame, answer, classes):
        """Write one frame everywhere."""
        from kerasvision.data import motchallenge

        if self._text:
            self._text.write(motchallenge.to_text(frame.number, answer).encode())
        if self._json:
            print(json.dumps(motchallenge.to_json(frame.number, frame.time, answer, classes)), flush=True)
        if self.drawn:
            self._video.add(_with_boxes(frame.pixels, answer, classes), frame.time)

    def flush(self):
        """Remember how far the text has got."""
        self.bytes = self._text.tell() if self._text else 0


def _text_file(path, size):
    """A file to write bytes to, behind its first `size` ones."""
    try:
        file = pathlib.Path(path).open("r+b" if size else "wb")  # noqa: SIM115 (closed by whoever asked for it)
    except OSError as error:
        raise KerasVisionError(f"cannot write {path}: {error.strerror}") from None
    if file.seek(0, 2) < size:
        raise KerasVisionError(f"{path} is shorter than when it was stopped; leave --resume out")
    file.truncate(size)
    file.seek(size)
    return file


def _with_boxes(pixels, answer, classes):
    import numpy as np

    from kerasvision.drawing.pictures import Mark, color_of, marked

    marks = [
        Mark(box, f"{i} {classes[k]}" if k < len(classes) else str(i), color_of(i))
        for i, k, box in zip(answer["ids"], answer["labels"], answer["boxes_xyxy"], strict=True)
    ]
    return np.asarray(marked(pixels, marks, max(pixels.shape[:2])).convert("RGB"))


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


def _keep(follower, path, number, done, outputs):
    """What to type to go on."""
    from kerasvision.systems.base import save_state

    if path is None:
        return "nothing is kept without --mot or --draw"
    beside = {"next": number, "frames": done, "bytes": outputs.bytes, "parts": outputs.parts if outputs.drawn else 0}
    beside |= {"identity": follower.identity()}
    save_state(path, follower.session.system, follower.session.state, beside)
    return "go on with the same command and --resume"


def _go_on(follower, path, args):
    """What stands beside the state; the session has the state."""
    from kerasvision.systems.base import load_state

    if not path.exists():
        raise UsageError(f"nothing to go on with: {path} is not there; leave --resume out")
    state, beside = load_state(path, follower.session.system)
    if beside.get("identity", "") != follower.identity():
        raise UsageError(f"{path} is the state of another model; give the one that was stopped")
    follower.session.state = state
    return beside


def _bar():
    from kerasvision.cli.progress import progress_bar

    return progress_bar("frames")
