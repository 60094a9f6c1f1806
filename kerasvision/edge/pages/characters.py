"""A recognizer's classes as text, as `core.characters` has it; a client imports nothing else of KerasVision."""

BLANK = "\u2423"  # the class of the blank between words


def text_of(classes):
    """The text of a list of class names: `BLANK` becomes a blank."""
    return "".join(" " if name == BLANK else name for name in classes)
