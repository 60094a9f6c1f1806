"""`kerasvision predict MODEL SOUND --windows`: what is heard when in recordings longer than what a model hears."""

from kerasvision.core.errors import UsageError


def add_sound_flags(parser):
    """Add the arguments that go with a sound."""
    parser.add_argument(
        "--windows", action="store_true", help="of a sound: slide over all of it, and say what is heard when"
    )
    parser.add_argument(
        "--hop", type=float, metavar="SECONDS", help="of --windows: from one to the next (default: half of one)"
    )


def slides(args):
    """Whether windows were asked for. Raises UsageError of a hop without."""
    if args.hop is not None and not args.windows:
        raise UsageError("--hop is of --windows; add it")
    return args.windows


def listening(args, model):
    """The model, over windows where they were asked for. Raises UsageError of what does not go with them."""
    if not slides(args):
        return model
    from kerasvision.systems.sound_windows import SoundWindows

    beside = {"--outliers": args.outliers, "--squeezed": args.squeezed, "--max-risk": args.max_risk}
    if given := [name for name, value in beside.items() if value not in (None, False)]:
        raise UsageError(f"--windows does not go with {', '.join(given)}, which look at one answer")
    return SoundWindows(model, args.hop)


def rows_when(described):
    """[(when, what is heard)] of the JSON of a prediction over windows, one row as long as it stays the same; [] of
    another.
    """
    return [
        (f"  {row['from_s']:.2f} to {row['to_s']:.2f} s", f"{row['label']} {row['score']:.3f}")
        for row in described.get("heard", ())
    ]
