"""A tokenizer by Python's strings alone: what the graph's must equal. It shares no code with `ops/text.py`."""

import unicodedata

ALONE = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2000, 0x2BFF), (0x2E00, 0x9FFF), (0xE000, 0xFFFF))


def low(character):
    """Lower case below U+0800, where it takes as many bytes."""
    small = character.lower()
    fits = ord(character) < 0x800 and len(small) == 1 and len(small.encode()) == len(character.encode())
    return small if fits else character


def kind(character):
    """ "letter", "own" or "space"."""
    number = ord(character)
    if number >= 0x800:
        own = number > 0xFFFF or any(first <= number <= last for first, last in ALONE)
        return "own" if own else "letter"
    category = unicodedata.category(character)
    if character == "'" or category[0] in ("L", "N", "M"):
        return "letter"
    return "space" if category[0] in ("Z", "C") else "own"


def words(text):
    """The words of a text."""
    found, word = [], ""
    for character in text:
        of = kind(character)
        if of == "letter":
            word += low(character)
            continue
        found += [word] if word else []
        found += [character] if of == "own" else []
        word = ""
    return found + ([word] if word else [])


def ngrams(text, size):
    """{byte place behind a separator before the text: n-gram} of all that may hold separators at their ends alone."""
    line = [" ", *(" " * len(c.encode()) if kind(c) == "space" else low(c) for c in text), " "]
    spaces = [True, *(kind(c) == "space" for c in text), True]
    found, place = {}, 0
    for start in range(len(line) - size + 1):
        held = spaces[start : start + size]
        if not any(held[1:-1]) and not all(held):
            found[place] = "".join(line[start : start + size])
        place += len((" " + text)[start].encode())
    return found


def hashed(word, multiplier=0x01000193):
    """The sum of byte j times the multiplier to the j, as a signed number of 32 bits."""
    number = sum(byte * multiplier**j for j, byte in enumerate(word.encode())) % 2**32
    return number - 2**32 if number >= 2**31 else number


def cut(text, length):
    """The text, as much of it as has at most so many bytes."""
    return text.encode()[:length].decode("utf-8", "ignore")
