"""What a model does not see of an input: said before its answer."""

import sys


def tell_of_what_is_unseen(args, arch, inputs, name):
    """Of a sound that is longer than what a model hears, and of a line of text that it hardly sees.

    args: of `predict`. inputs: what the model takes; a file of the client's takes a picture's bytes, not a dict.
    """
    if not isinstance(inputs, dict):
        return
    if "image" in inputs and "path_score" in arch.outputs and (said := arch.doubt(inputs["image"].shape[:2])):
        print(f"{name}: {said}", file=sys.stderr)
    if args.windows or "audio" not in inputs:
        return
    if (lasts := len(inputs["audio"]) / int(inputs["rate"])) > arch.seconds:
        print(f"{name}: the first {arch.seconds:g} of {lasts:.3g} s are heard; --windows hears all", file=sys.stderr)
