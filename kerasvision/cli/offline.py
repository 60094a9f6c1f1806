"""`kerasvision track ... --offline`: what is known once a video has been seen whole is written in place of the rest.

`--looks` and `--same-as` give one object the same number in the videos of several cameras.
"""

import argparse
import json
import pathlib
import sys

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import write_text

COLORS = "colors"  # in place of an embedding model


def add_offline(parser):
    """Add the arguments."""
    parser.add_argument(
        "--offline",
        nargs="*",
        metavar="KEY=VALUE",
        help="when all is seen, join tracks, fill gaps and smooth; settings as in join_s=3 fill_s=1 smooth=False",
    )
    parser.add_argument(
        "--looks", metavar="OUT.npz", help="with --offline and --appearance: what each object looks like"
    )
    parser.add_argument("--same-as", metavar="FILE.npz", help="number objects as in another video, by its --looks")


def offline_of(args, places):
    """The `systems.offline.Offline` that is asked for, or None. Raises UsageError, one line, of what it does not go
    with.
    """
    is_of_cameras = args.looks or args.same_as
    if is_of_cameras and (args.offline is None or not args.appearance):
        flag = "--looks" if args.looks else "--same-as"
        raise UsageError(f"{flag} is of what objects look like when all is seen; give --offline and --appearance RUN")
    if args.offline is None:
        return None
    if not (args.mot or args.json or args.ground_truth or args.looks):
        raise UsageError("--offline changes what is written and judged; give --mot OUT.txt, --json or --ground-truth")
    if args.draw or any(places.values()) or args.resume:
        word = "--draw" if args.draw else "--resume" if args.resume else "lines and zones"
        raise UsageError(f"--offline looks at the whole, and {word} at frame after frame; leave one of them out")
    if args.same_as and not pathlib.Path(args.same_as).is_file():
        raise UsageError(f"--same-as {args.same_as}: no such file; write one with --looks OUT.npz")
    from kerasvision.core.overrides import with_fields
    from kerasvision.systems.offline import Offline

    return with_fields(Offline(), args.offline, "--offline", "join_s=3")


def check_same_as(args, model):
    """Raise UsageError of a file that is none of this model's looks, before a video is looked at."""
    if args.same_as:
        from kerasvision.systems.cameras import load_looks

        load_looks(args.same_as, model)


def embedder_of(name):
    """The model that --appearance names. Raises UsageError of one that gives no embedding."""
    if name == COLORS:
        from kerasvision.systems.looked import Colors

        return Colors()
    from kerasvision.api import load

    model = load(name)
    if "embedding" not in model.arch.outputs or set(model.arch.serving_inputs()) != {"image"}:
        raise UsageError(
            f"{name} ({model.arch.registered_name}) gives no embedding; --appearance takes embedding/* "
            "of a picture alone"
        )
    return model


def without_outputs(args):
    """The arguments, of which nothing is written while frames go by."""
    return argparse.Namespace(**vars(args) | {"mot": None, "json": False})


def write_revised(args, follower, settings, judge):
    """Write, print and judge what the record says now, and say what has changed. follower: with `record`, `classes` and
    `identity`; judge: as of `cli.frames`, or None.
    """
    from kerasvision.data import motchallenge

    found = follower.record.revised(settings)
    ids = {i for *_, answer in found.frames for i in answer["ids"].tolist()}
    said = f"offline: {found.joined} tracks joined to earlier ones, {found.filled} boxes filled in; {len(ids)} objects"
    frames = found.frames
    if args.looks or args.same_as:
        frames, more = _as_in_the_other_video(args, found, ids, follower.identity(), settings.least_likeness)
        said += more
    if args.mot:
        try:
            write_text(pathlib.Path(args.mot), "".join(motchallenge.to_text(n, answer) for n, _, answer in frames))
        except OSError as error:
            raise KerasVisionError(f"cannot write {args.mot}: {error.strerror}") from None
    for number, time, answer in frames:
        if args.json:
            held = motchallenge.to_json(number, time, answer, follower.classes)
            for one, is_filled in zip(held["objects"], answer["filled"].tolist(), strict=True):
                one["filled"] = is_filled
            print(json.dumps(held))
        if judge:
            judge(number, answer)
    print(said, file=sys.stderr)


def _as_in_the_other_video(args, found, ids, model, least):
    """(the frames with its numbers, what is to be said). Writes --looks."""
    import numpy as np

    from kerasvision.systems.cameras import load_looks, renumbered, same_as, save_looks, together

    others, last = load_looks(args.same_as, model) if args.same_as else ({}, 0)
    same = same_as(found.looks, others, least)
    new = renumbered(ids, same, [*others, last]) if args.same_as else {i: i for i in ids}
    if args.looks:
        looks = together({new[i]: look for i, look in found.looks.items()}, others)
        save_looks(args.looks, looks, max([last, *new.values()], default=0), model)
    frames = []
    for number, time, answer in found.frames:
        named = np.array([new[i] for i in answer["ids"].tolist()], np.int64)
        order = np.argsort(named, kind="stable")
        frames.append((number, time, {key: value[order] for key, value in (answer | {"ids": named}).items()}))
    unseen = len(ids) - len(found.looks)
    said = f"; {len(same)} of them as in {args.same_as}" if args.same_as else ""
    return frames, said + (f"; {unseen} were never seen well enough to tell" if unseen else "")
