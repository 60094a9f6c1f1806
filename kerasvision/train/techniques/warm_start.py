"""Transfer learning: start from the weights of an earlier run, in all layers whose name and shapes agree.

"How transferable are features in deep neural networks?" (Yosinski, Clune, Bengio, Lipson 2014, arXiv:1411.1792).
"""

import dataclasses
import sys

import tensorflow as tf

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import techniques
from kerasvision.train.strategy import is_chief
from kerasvision.train.techniques.base import Technique

_BACKBONE = "backbone_"  # begins the names of a backbone's layers
_NAMED = 5  # layers named in a line


@techniques.register("warm_start")
@dataclasses.dataclass(frozen=True)
class WarmStart(Technique):
    """run: folder of a finished run, of whatever task: a backbone that has learned without labels goes into a
    classifier, a detector or a segmenter. Layers that are new or of another shape (a head for other classes, rows of
    another vocabulary) stay fresh; which were taken and which were not is said. Statistics of normalizations are taken
    along.

    Raises KerasVisionError when not a single layer with weights agrees, when fewer than half of the backbone's do, and
    when both runs have a backbone that wants its pixels otherwise.
    """

    run: str

    def start(self, arch, graph):
        from kerasvision.train.run import load_run

        held = load_run(self.run)
        taken, fresh = put_by_name(held.graph, graph, of_other_words(held.arch, arch))
        if not taken:
            raise KerasVisionError(f"warm_start: no layer of {self.run} has the name and shape of one of this model")
        own = [name for name in (*taken, *fresh) if name.startswith(_BACKBONE)]
        count = len(own) - sum(name.startswith(_BACKBONE) for name in fresh)
        if 2 * count < len(own):
            raise KerasVisionError(
                f"warm_start: {count} of {len(own)} layers of this model's backbone are in {self.run} with that shape: "
                f"it has {_shown(held.arch)} and this model {_shown(arch)}; give both the same backbone"
            )
        theirs, ours = (getattr(a, "normalization", None) for a in (held.arch, arch))
        if count and theirs != ours and None not in (theirs, ours):
            raise KerasVisionError(
                f"warm_start: {self.run} has learned from pixels of {theirs}, and this model has {ours}; give both the "
                "same backbone and weights"
            )
        if is_chief(tf.distribute.get_strategy()):
            print(self._line(taken, fresh), file=sys.stderr, flush=True)

    def _line(self, taken, fresh):
        more = f" and {len(fresh) - _NAMED} more" if len(fresh) > _NAMED else ""
        rest = f"; fresh: {', '.join(fresh[:_NAMED])}{more}" if fresh else ""
        return f"warm_start: {len(taken)} layers taken from {self.run}{rest}"


def of_other_words(source, arch):
    """Names of the layers of an architecture whose rows are words of another vocabulary than the source's: () where
    both have one vocabulary, or one of them has none.
    """
    words = [getattr(held, "vocabulary", ()) for held in (source, arch)]
    return arch.of_vocabulary if all(words) and words[0] != words[1] else ()


def put_by_name(source, graph, leave=()):
    """Weights of a graph's layers into those of another that have the same name and shapes: (names of the layers that
    were taken, names of those with weights that were not). leave: names of those that are not taken.
    """
    held = {layer.name: layer.get_weights() for layer in source.layers if layer.weights}
    taken, fresh = [], []
    for layer in (layer for layer in graph.layers if layer.weights):
        weights = held.get(layer.name)
        if (
            layer.name not in leave
            and weights
            and [w.shape for w in weights] == [tuple(w.shape) for w in layer.weights]
        ):
            layer.set_weights(weights)
            taken.append(layer.name)
        else:
            fresh.append(layer.name)
    return taken, fresh


def _shown(arch):
    backbone = getattr(arch, "backbone", None)
    return "no backbone" if backbone is None else repr(backbone)
