"""Which words of a caption can be explained or attacked."""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.layers.words import END
from kerasvision.ops.internals import called_with, made_by
from kerasvision.tasks.targets import Target, Targets


@dataclasses.dataclass(frozen=True, eq=False)
class WordTarget(Target):
    """A word of a caption. said: the classes of the caption, END behind its last. place: the word's number. The score
    is the word's logit behind those that stand before it in this caption, whatever another picture would say there.
    """

    said: tuple[int, ...]
    place: int
    text: str = ""
    _known: dict = dataclasses.field(default_factory=dict)  # a graph, and its tensors

    def tensors(self, graph):
        if self._known.get("graph") is not graph:
            words = graph.output["words"]
            (positions,) = called_with(words)
            self._known.update({"graph": graph, "tensors": {"told": made_by(words)(positions, said=self.said)}})
        return self._known["tensors"]

    def score(self, found):
        return found["told"][:, self.place, self.said[self.place]]


@dataclasses.dataclass(frozen=True)
class WordTargets(Targets):
    """Words by their number in the caption; spellings: of the vocabulary."""

    spellings: tuple[str, ...]
    flags: typing.ClassVar[dict[str, str]] = {"box": "a word by its number in the caption (default: the first four)"}

    def chosen(self, raw, geometry, classes, asked):
        words = tf.cast(raw["words"][0, 0], tf.int32).numpy().tolist()
        count = words.index(END) if END in words else len(words)
        said, words = (*words[:count], *[END] * (len(words) - count)), words[:count]
        if beyond := [i for i in asked.box if not 0 <= i < len(words)]:
            raise UsageError(f"--box {beyond[0]}: the caption has {len(words)} words; allowed: 0 to {len(words) - 1}")
        chosen = asked.box or range(min(4, len(words)))
        if not words:  # that nothing is said is said by its end
            return [WordTarget(said, 0, "the end")]
        return [WordTarget(said, i, f"{self.spellings[words[i] - 1]} (word {i})") for i in chosen]
