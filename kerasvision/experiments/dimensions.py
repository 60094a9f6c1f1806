"""What a search varies: fields of a recipe, and how they are typed."""

import dataclasses

from kerasvision.core.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Dimension:
    """One setting to search. path: as in `--set`, such as `optimizer.learning_rate`. Between low and high (log: evenly
    in their logarithm), or one of choices, texts as `--set` takes them.
    """

    path: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[str, ...] = ()

    def extremes(self):
        """Texts of values that stand for all: both ends, or every choice."""
        return self.choices or tuple(repr(end) for end in (self.low, self.high))

    def propose(self, trial):
        """Text of the value that an Optuna trial should have."""
        if self.choices:
            return trial.suggest_categorical(self.path, self.choices)
        suggest = trial.suggest_int if isinstance(self.low, int) else trial.suggest_float
        return repr(suggest(self.path, self.low, self.high, log=self.log))


def parse_dimension(text):
    """`PATH=LOW..HIGH`, `PATH=LOW..HIGH:log` or `PATH=A,B,C` -> `Dimension`. Between two whole numbers only whole ones
    are tried. Raises UsageError of any other text.
    """
    path, equals, values = text.partition("=")
    if not equals or not path or not values:
        raise _misspelled(text, "no value")
    low, dots, high = values.partition("..")
    if not dots:
        choices = tuple(_split(values))
        if len(set(choices)) < 2 or not all(choices):
            raise _misspelled(text, "a search needs two values or more")
        return Dimension(path, choices=choices)
    high, colon, scale = high.partition(":")
    if colon and scale != "log":
        raise _misspelled(text, f"unknown scale {scale!r}")
    try:
        low, high = (_number(end) for end in (low, high))
    except ValueError:
        raise _misspelled(text, "an end is no number") from None
    if not low < high or (colon and low <= 0):
        raise _misspelled(text, "the ends are not in order" if not low < high else "a log scale begins above 0")
    whole = isinstance(low, int) and isinstance(high, int)
    return Dimension(path, *((low, high) if whole else (float(low), float(high))), log=bool(colon))


def _misspelled(text, why):
    return UsageError(f"--search {text}: {why}; write KEY=LOW..HIGH, KEY=LOW..HIGH:log or KEY=A,B,C")


def _number(text):
    try:
        return int(text)
    except ValueError:
        return float(text)


def _split(text):
    """Parts between commas that are outside of brackets and quotes: `(8,8),(16,16)` has two."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if letter in "'\"" and quote in ("", letter):
            quote = "" if quote else letter
        depth += (letter in "([{") - (letter in ")]}") if not quote else 0
        if letter == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]
