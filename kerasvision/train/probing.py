"""What the techniques of a phase measure of a graph beside its task's metrics (`Technique.probe`, `watch`)."""

import dataclasses
import functools

from kerasvision.core.direction import direction_of
from kerasvision.core.errors import KerasVisionError
from kerasvision.data.pipeline import evaluation_data, training_data

WATCHED = 512  # examples of the validation split, at most


class Probes:
    """Called with the metrics that are known, it gives those of the techniques: name -> float.

    techniques: of a phase, with their statistics. graph: on this process alone. splits: name -> `Split`, as the source
    gives them. batch_size, cache: of what they are given to look at.
    """

    def __init__(self, techniques, arch, graph, splits, *, batch_size, cache=False):
        asked = [(t, t.probe(arch, graph)) for t in probing(techniques)]
        self._measures = [(t, measure) for t, measure in asked if measure is not None]
        self._batches = functools.cache(
            lambda name: evaluation_data(splits[name], arch, batch_size=batch_size, cache=cache)
        )

    def __call__(self, known):
        found = {}
        for technique, measure in self._measures:
            for name, value in measure(self._batches).items():
                if direction_of(technique.probe_directions, name) is None:
                    raise KerasVisionError(
                        f"{technique.registered_name} measures {name!r}, and its probe_directions do not say which way "
                        "that is better"
                    )
                if name in known or name in found:
                    raise KerasVisionError(f"{technique.registered_name} measures {name!r}, which is measured already")
                found[name] = float(value)
        return found


def views_of(session, phase):
    """The same batches of the validation split each time: (graph inputs, targets), augmented as in training."""
    split = session.splits["validation"]
    size = min(session.recipe.batch_size, split.size)
    plain = dataclasses.replace(phase, techniques=())
    data = training_data(split, session.arch, plain, batch_size=size, seed=session.recipe.seed)
    return data.take(max(1, min(split.size, WATCHED) // size))


def probing(techniques):
    """Those that measure something."""
    return [t for t in techniques if t.probe_directions]


def probe_directions(recipe):
    """name -> direction of what the techniques of a recipe's last phase measure."""
    return {k: d for t in probing(recipe.phases()[-1].techniques) for k, d in t.probe_directions.items()}
