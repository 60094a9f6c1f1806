"""Which words of a caption can be explained or attacked."""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.layers.words import END
from kerasvision.tasks.targets import Target, Targets


@dataclasses.dataclass(frozen=True, eq=False)
class WordTarget(Target):
    """A word of the caption that a picture gets. place: its number. index: its class. The score is the word's logit
    behind those that are said before it.
    """

    place: int
    index: int
    text: str = ""

    def score(self, found):
        return found["own_logits"][:, self.place, self.index]


@dataclasses.dataclass(frozen=True)
class WordTargets(Targets):
    """Words by their number in the caption; spellings: of the vocabulary."""

    spellings: tuple[str, ...]
    flags: typing.ClassVar[dict[str, str]] = {"box": "a word by its number in the caption (default: the first four)"}

    def chosen(self, raw, geometry, classes, asked):
        words = tf.cast(raw["words"][0, 0], tf.int32).numpy().tolist()
        words = words[: words.index(END)] if END in words else words
        if beyond := [i for i in asked.box if not 0 <= i < len(words)]:
            raise UsageError(f"--box {beyond[0]}: the caption has {len(words)} words; allowed: 0 to {len(words) - 1}")
        chosen = asked.box or range(min(4, len(words)))
        if not words:  # that nothing is said is said by its end
            return [WordTarget(0, END, "the end")]
        return [WordTarget(i, words[i], f"{self.spellings[words[i] - 1]} (word {i})") for i in chosen]
