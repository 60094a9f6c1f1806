"""The command `kerasvision`: finds the verb, turns errors into one line and an exit code."""

import argparse
import importlib
import os
import sys

from kerasvision.core.errors import KerasVisionError, UsageError, said
from kerasvision.core.escaping import lines_of

VERBS = (
    *("names", "data", "train", "tune", "evaluate", "export", "predict", "ensemble", "compare", "study"),
    *("launch", "doctor", "serve", "models", "card", "robustness", "trust", "attack", "certify", "explain", "index"),
    *("track", "follow", "read", "inspect", "benchmark", "verify", "classes", "probe", "choose", "calibrate"),
    "modalities",
)

WITHOUT_TENSORFLOW = ("names", "compare", "launch", "doctor", "benchmark", "verify")


def main(argv=None):
    """Run one command. Returns 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    parser = build_parser()
    words = sys.argv[1:] if argv is None else argv
    if "--box" in words:
        from kerasvision.edge.arguments import with_boxes

        words = with_boxes(words)
    args = parser.parse_args(words)
    if not args.verb:
        parser.print_help()
        return 0
    try:
        if args.verb not in WITHOUT_TENSORFLOW and args.needs_tensorflow(args):
            import_tensorflow_quietly()
        return args.run(args) or 0
    except UsageError as error:
        print(f"kerasvision: {lines_of(error)}", file=sys.stderr)
        return 2
    except KerasVisionError as error:
        print(f"kerasvision: {lines_of(error)}", file=sys.stderr)
        return 130 if isinstance(error.__context__, KeyboardInterrupt) else 1
    except KeyboardInterrupt:
        print("kerasvision: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `kerasvision names | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # what an assertion inside of a graph says; anything else is a defect, to be seen whole
        if (line := said(error)) is None:
            raise
        print(f"kerasvision: {lines_of(line)}", file=sys.stderr)
        return 1


def import_tensorflow_quietly():
    """Import TensorFlow and look for devices without the lines its C++ prints before its own log level is in force.

    Whoever sets TF_CPP_MIN_LOG_LEVEL below 2 sees everything. Python errors pass.
    """
    if int(os.environ["TF_CPP_MIN_LOG_LEVEL"]) < 2:
        return
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow as tf

        tf.config.list_physical_devices()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def build_parser():
    """The parser of every verb; none of their modules imports TensorFlow."""
    parser = argparse.ArgumentParser("kerasvision", description="From images and labels to verified models on devices.")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    for verb in VERBS:
        module = importlib.import_module(f"kerasvision.cli.{verb}")
        sub = verbs.add_parser(verb, help=module.HELP, description=module.HELP)
        module.configure(sub)
        sub.set_defaults(run=module.run, needs_tensorflow=getattr(module, "needs_tensorflow", lambda args: True))
    return parser
