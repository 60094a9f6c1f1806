"""Words of a command line that argparse would misread."""

import re

_BOX = re.compile(r"-\d[\d.eE+-]*,[\d.,eE+-]*$")  # numbers, the first of which is below 0


def with_boxes(words):
    """The words, with `--box` and a box X0,Y0,X1,Y1 that begins with a minus as one: alone, argparse takes it for an
    option. A box may begin left of or above the picture.
    """
    joined = []
    for word in words:
        if joined and joined[-1] == "--box" and _BOX.match(word):
            joined[-1] = f"--box={word}"
        else:
            joined.append(word)
    return joined
