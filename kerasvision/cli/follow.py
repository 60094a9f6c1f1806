"""`kerasvision follow RUN VIDEO --box x0,y0,x1,y1`: one object of a video, from a box in its first frame on."""

import dataclasses
import typing

from kerasvision.cli.frames import add_flags, check_files, go_through
from kerasvision.cli.overlay import Overlay
from kerasvision.cli.recipes import add_settings
from kerasvision.core.errors import UsageError

HELP = "follow one object of a video from a box in its first frame on; says where it is, and when it is lost"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument(
        "what", metavar="RUN", help="a run of tracking/*, or a file of it (SAVED_MODEL, .tflite, .onnx)"
    )
    parser.add_argument("video", metavar="VIDEO", help="a file, a folder of pictures, - for stdin")
    parser.add_argument("--box", metavar="X0,Y0,X1,Y1", help="the object in the first frame that is taken, in pixels")
    add_settings(parser, "of a run, as in present_from=0.7")
    add_flags(parser)


def run(args):
    """Follow, write, and say how it went."""
    if bool(args.box) == args.resume:
        raise UsageError("follow needs --box X0,Y0,X1,Y1, or --resume, which goes on with the one that was followed")
    check_files(args)
    from kerasvision.api import load
    from kerasvision.systems.base import Session
    from kerasvision.systems.follow import Follow, check_follower

    box = _box(args.box) if args.box else None
    model = load(args.what, args.settings)
    check_follower(model, args.what)
    go_through(args, _Follower(Session(Follow(), {"follower": model}), model, box, Overlay(trails=args.trails)))


def _box(text):
    """[x0, y0, x1, y1] of a text."""
    try:
        box = [float(word) for word in text.split(",")]
    except ValueError:
        box = []
    if len(box) != 4:
        raise UsageError(f"--box {text!r}: write X0,Y0,X1,Y1, as in --box 20,30,80,90")
    return box


@dataclasses.dataclass(eq=False)
class _Follower:
    """As `cli.frames.go_through` wants it. box: of the first frame, None of what is gone on with."""

    session: typing.Any
    model: typing.Any
    box: list | None
    overlay: Overlay
    classes: tuple = ()
    boxes: dict | None = None
    is_there: bool = False

    def step(self, frame):
        """The answer to a frame: one object with the id 1, or none."""
        import numpy as np

        inputs = {"time": frame.time, "image": frame.pixels}
        found = self.session.step(inputs if self.box is None else inputs | {"box_xyxy": self.box})
        self.box, self.is_there = None, bool(found["present"])
        count = int(self.is_there)
        held = {"ids": np.ones(count, np.int64), "labels": np.zeros(count, np.int64)}
        return held | {"boxes_xyxy": found["box_xyxy"][None][:count], "scores": found["score"].reshape(1)[:count]}

    def events(self, answer):
        """Nothing beside the object."""
        return {}

    def counted(self):
        """None: one object is not counted by lines and zones."""
        return

    def rest(self, number):
        """ "": no boxes are read that could lie behind the last frame, number: of which."""
        return ""

    def found(self):
        """What was found so far, in words."""
        return f"at the end the object is {'there' if self.is_there else 'lost'}"

    def identity(self):
        """What the model remembers of drawn pictures: another model's memory is another."""
        from kerasvision.systems.follow import identity_of

        return identity_of(self.model)

    def goes_on(self, identity):
        """Whether a state of that `identity` is this model's: its files and other machines round otherwise."""
        from kerasvision.systems.slots import same_identity

        return same_identity(identity, self.identity())
