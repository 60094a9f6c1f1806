"""Where characters stood when a recognizer of a script from right to left learned them, which its answers go by."""

from kerasvision.core.characters import text_of
from kerasvision.edge.pages.line_direction import RULES, runs_from_right_to_left


def placed_by(classes):
    """`RULES` for an alphabet with letters from right to left, "" for any other, which all rules place alike."""
    return RULES if runs_from_right_to_left(text_of(classes)) else ""


def why_outdated(held, classes):
    """One line about a recognizer of these classes whose `placed_by` is `held`; "" where nothing is wrong with it."""
    letter = next((name for name in classes if runs_from_right_to_left(name)), "")
    if not letter or held == RULES:
        return ""
    return (
        f"reads a script from right to left ({ascii(letter)}) and was trained before characters were learned where "
        "they stand in the picture, so that its texts would come out in another order; train it anew"
    )
