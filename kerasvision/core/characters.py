"""Text as the characters that a person sees, each of which is a class of a recognizer."""

import unicodedata

BLANK = "\u2423"  # the class of the blank between words: a name that is nothing to be seen would be lost in a file


def normalized(text):
    """The text in Unicode's composed form (NFC), so that one character has one spelling."""
    return unicodedata.normalize("NFC", text)


def characters_of(text):
    """A list of characters, each with the marks that stand on it: "e" with an accent that has no letter of its own is
    one. Of Unicode's grapheme clusters (UAX 29) these are the ones without joiners and without pairs of flags.
    """
    found = []
    for point in normalized(text):
        if found and unicodedata.category(point).startswith("M"):
            found[-1] += point
        else:
            found.append(point)
    return found


def classes_of(text):
    """The names of a text's characters as classes: `characters_of`, its blanks as `BLANK`."""
    return [BLANK if character == " " else character for character in characters_of(text)]


def text_of(classes):
    """The text of a list of class names, as `classes_of` gives them: `BLANK` becomes a blank."""
    return "".join(" " if name == BLANK else name for name in classes)
