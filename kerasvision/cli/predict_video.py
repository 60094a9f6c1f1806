"""`kerasvision predict MODEL VIDEO`: what a model of pictures says of each frame, one frame in memory at a time."""

import contextlib
import json
import pathlib
import sys

from kerasvision.cli.apart import check_apart
from kerasvision.cli.frames import interrupted, saying_where_it_ends, stoppable
from kerasvision.core.errors import UsageError
from kerasvision.core.escaping import line_of

SUFFIXES = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts")
DRAWN = (".mp4", ".mkv", ".mov")  # that are written


def add_video_flags(parser):
    """Add the arguments that go with a video."""
    parser.add_argument("--every", type=int, default=1, metavar="N", help="of a video: take every N-th frame")
    parser.add_argument("--start", type=float, default=0.0, metavar="SECONDS", help="of a video: frames from here on")
    parser.add_argument("--end", type=float, metavar="SECONDS", help="of a video: and before this")


def video_of(args):
    """The video that is asked about, or None: what is named are pictures. Raises UsageError where both are, or where
    arguments go with the other one.
    """
    videos = [word for word in args.images if word.lower().endswith(SUFFIXES)]
    drawn, is_part = (args.draw or "").lower(), args.every != 1 or args.start or args.end is not None
    if not videos:
        if is_part:
            raise UsageError(f"--every, --start and --end are of a video; name one ({', '.join(SUFFIXES)})")
        if args.draw and not drawn.endswith(".png"):
            raise UsageError(f"--draw {args.draw}: write the name of a .png file")
        return None
    if len(args.images) > 1:
        raise UsageError(f"{videos[0]} is a video, and others are named beside it; predict takes one video at a time")
    if args.draw and not drawn.endswith(DRAWN):
        raise UsageError(f"--draw {args.draw}: of a video write the name of a {', '.join(DRAWN)} file")
    check_apart((videos[0], args.model), {"--draw": args.draw})
    return videos[0]


def predict_video(args, name, arch, answer):
    """Go through a video, write what was asked for, and say how it went. answer: (pixels of a frame, its name) ->
    (`Prediction`, its JSON, its words).
    """
    from kerasvision.cli.progress import progress_bar
    from kerasvision.data import video

    _check_takes_pictures(arch)
    with contextlib.ExitStack() as stack:
        held = stack.enter_context(video.opened(name))
        drawn = stack.enter_context(video.VideoWriter(args.draw, held.rate / max(args.every, 1))) if args.draw else None
        stopped, done = stack.enter_context(stoppable()), 0
        report = stack.enter_context(progress_bar("frames"))
        numbers = stack.enter_context(saying_where_it_ends((args.draw,)))
        for frame in held.read(args.every, args.start, args.end):
            prediction, described, words = answer(frame.pixels, f"{pathlib.Path(name).stem}_{frame.number:06d}")
            row = {"frame": frame.number, "time": frame.time, "prediction": described}
            print(json.dumps(row) if args.json else line_of(f"{frame.time:.3f} s  {words}"), flush=True)
            if drawn:
                drawn.add(_picture(prediction), frame.time)
            done, numbers[:] = done + 1, [frame.number]
            report("frames", frame.number + 1, held.expected or None)
            if stopped:
                break
    said = f"{done} frames{held.in_words()}"
    said += f"; drawn: {args.draw}" if args.draw and done else ""
    if stopped:
        raise interrupted(f"stopped after {said}")
    print(said, file=sys.stderr)


def _picture(prediction):
    from kerasvision.drawing.showing.base import frame_of

    return frame_of(prediction.view())


def _check_takes_pictures(arch):
    """Raises UsageError of a model that takes something else."""
    inputs = arch.serving_inputs()
    kinds = sorted({spec.kind for spec in inputs.values()} - {"present"})
    if kinds != ["image"] or sum(spec.kind == "image" for spec in inputs.values()) > 1:
        raise UsageError(
            f"{arch.registered_name} takes {', '.join(inputs)}; a video is for a model that takes one picture"
        )
