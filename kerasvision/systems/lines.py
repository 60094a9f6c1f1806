"""Lines of text decoded on the host, from what a run says of their frames: by a beam, with a model of their language, a
lexicon or a pattern.
"""

import dataclasses
import pathlib
import sys
import typing

import numpy as np

from kerasvision.core.characters import classes_of, normalized
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.edge.pages.line_direction import line_as_seen
from kerasvision.edge.pages.strips import runs_from_right_to_left
from kerasvision.inference.prediction import Prediction
from kerasvision.ops.automata import Lexicon
from kerasvision.ops.beam import alignment, prefix_beam
from kerasvision.ops.character_model import CharacterModel
from kerasvision.ops.patterns import automaton_of

MOST_WIDTH = 2000


@dataclasses.dataclass(frozen=True)
class LineDecoder:
    """Final. Decodes by `ops.beam.prefix_beam`. classes: the alphabet. width: of the beam. lexicon: the texts that
    there may be, or (). pattern: a regular expression as `ops.patterns` has them, or "". language: texts that are
    written as the lines are, for a character model, or ().

    The score is the probability of the whole text: of a lexicon and a pattern, given that the line says one of its
    texts; of a character model, given that it says one of the texts that the beam ends with.
    """

    classes: tuple[str, ...]
    width: int = 50
    lexicon: tuple[str, ...] = ()
    pattern: str = ""
    language: tuple[str, ...] = ()
    rules: typing.Any = dataclasses.field(init=False, compare=False)

    def __post_init__(self):
        if sum(map(bool, (self.lexicon, self.pattern, self.language))) > 1:
            raise UsageError("a lexicon, a pattern and a language model do not go together; give one of them")
        if self.width < 1:
            raise UsageError(f"a beam of width {self.width}; allowed: 1 or more")
        rules = None
        if self.lexicon:
            known, beyond = self._ids(self.lexicon)
            if beyond:
                raise UsageError(f"the lexicon has {len(beyond)} texts beyond the alphabet, such as {beyond[0]!r}")
            rules = Lexicon(list(dict.fromkeys(known)))
        elif self.pattern:
            if back := [name for name in self.classes if runs_from_right_to_left(name)]:
                raise UsageError(
                    f"a pattern is matched from left to right, and the alphabet has letters from right to left, such "
                    f"as {back[0]!r}; give a lexicon"
                )
            rules = automaton_of(self.pattern, [" " if name == "\u2423" else name for name in self.classes])
        elif self.language:
            known, beyond = self._ids(self.language)
            if beyond:
                said = f"{len(beyond)} of {len(self.language)} lines have characters beyond the alphabet"
                print(f"language: {said}, and were left out, such as {beyond[0]!r}", file=sys.stderr)
            rules = CharacterModel(known, len(self.classes))
        object.__setattr__(self, "rules", rules)

    def _ids(self, texts):
        """(the classes of each text of the alphabet, the texts that have others)."""
        index = {name: i for i, name in enumerate(self.classes)}
        named = {text: line_as_seen(classes_of(" ".join(normalized(text).split()))) for text in texts}
        held = {text: tuple(index[n] for n in names) for text, names in named.items() if set(names) <= set(index)}
        return [ids for ids in held.values() if ids], [text for text in texts if text not in held]

    def read(self, log_probabilities):
        """(classes of the text, its probability) of [T, K + 1], blank last."""
        if self.lexicon:
            shares = self.rules.log_probabilities(log_probabilities)
            best, mass = int(shares.argmax()), np.logaddexp.reduce(shares)
            if not np.isfinite(mass):
                self._refuse(log_probabilities, "the lexicon")
            return self.rules.texts[best], float(np.exp(shares[best] - mass))
        found = self._found(log_probabilities)
        if self.pattern:
            mass = self.rules.log_mass(log_probabilities)
            return found[0].text, float(np.exp(found[0].log_probability - mass))
        if self.language:
            return found[0].text, float(np.exp(found[0].weighed - np.logaddexp.reduce([f.weighed for f in found])))
        return found[0].text, float(np.exp(found[0].log_probability))

    def _found(self, log_probabilities):
        """A beam that ends with a text; one that lost all that the pattern allows is made wider."""
        width = self.width
        while not (found := prefix_beam(log_probabilities, width, self.rules)):
            if width > MOST_WIDTH:
                if self.pattern and np.isfinite(self.rules.log_mass(log_probabilities)):
                    raise KerasVisionError(
                        f"the line is so unlike the pattern {self.pattern!r} that no text of it was found"
                    )
                self._refuse(log_probabilities, f"the pattern {self.pattern!r}")
            width *= 4
        return found

    def _refuse(self, log_probabilities, what):
        raise KerasVisionError(f"no text of {what} can be said in {len(log_probabilities)} frames; all are too long")

    def prediction(self, judged):
        """What `TextRecognition.judged` gives of one line, without batch axis -> the prediction with this text: boxes
        and scores of its likeliest path, and the text's probability as `path_score`.
        """
        shares = judged["probabilities"].astype(np.float64)
        text, probability = self.read(np.log(np.maximum(shares, 1e-30)))
        values = {k: np.zeros_like(judged[k]) for k in ("labels", "scores", "boxes_xyxy")}
        values["labels"] -= 1
        borders = np.clip(judged["borders"], 0, judged["image_width"])
        frames = alignment(np.log(np.maximum(shares, 1e-30)), text)
        for i, (k, (first, behind)) in enumerate(zip(text, frames, strict=True)):
            values["labels"][i] = k
            values["scores"][i] = shares[first:behind, k].max()
            values["boxes_xyxy"][i] = borders[first], 0, borders[behind], judged["image_height"]
        count = judged["count"].dtype.type(len(text))
        return values | {"count": count, "path_score": np.float32(probability)}


class LineReader:
    """Final. A run of text recognition (`api.Model`) whose frames a `LineDecoder` decodes. It reads and predicts one
    example, as the model does.
    """

    def __init__(self, model, decoder):
        if "path_score" not in model.arch.outputs:
            raise UsageError(f"--decoder beam reads lines of text; {model.arch.registered_name} reads none")
        if not hasattr(model.runner, "served"):
            raise UsageError(
                "--decoder beam needs what a run says of each frame, and a file gives its text alone; name the run"
            )
        self._model, self._decoder, self.arch, self.read = model, decoder, model.arch, model.read
        self.recipe = model.recipe

    def predict_one(self, inputs, tidy=None, name="", read=None):
        """The `Prediction` for inputs of one example, {key: array} without batch axis."""
        found = self._model.runner.served.judge({k: np.asarray(v)[None] for k, v in inputs.items()})
        values = self._decoder.prediction({k: v.numpy()[0] for k, v in found.items()})
        return Prediction(self.arch, self._model.classes, values, name, read)


def texts_in(path):
    """The lines of a UTF-8 file that say something. Raises KerasVisionError, one line, of a file that is none."""
    try:
        lines = pathlib.Path(path).expanduser().read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KerasVisionError(f"{path} cannot be read as UTF-8 text: {error}") from None
    if not (found := tuple(line.strip() for line in lines if line.strip())):
        raise KerasVisionError(f"{path} has no text in it")
    return found
