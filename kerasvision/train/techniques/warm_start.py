"""Transfer learning: start from the weights of an earlier run, in all layers whose name and shapes agree.

"How transferable are features in deep neural networks?" (Yosinski, Clune, Bengio, Lipson 2014, arXiv:1411.1792).
"""

import dataclasses

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import techniques
from kerasvision.train.techniques.base import Technique


@techniques.register("warm_start")
@dataclasses.dataclass(frozen=True)
class WarmStart(Technique):
    """run: folder of a finished run. Layers that are new or of another shape (a head for other classes) stay fresh.

    Raises KerasVisionError when not a single layer with weights agrees.
    """

    run: str

    def start(self, arch, graph):
        from kerasvision.train.run import load_run

        held = {layer.name: layer.get_weights() for layer in load_run(self.run).graph.layers if layer.weights}
        taken = 0
        for layer in graph.layers:
            weights = held.get(layer.name)
            if weights and [w.shape for w in weights] == [tuple(w.shape) for w in layer.weights]:
                layer.set_weights(weights)
                taken += 1
        if not taken:
            raise KerasVisionError(f"warm_start: no layer of {self.run} has the name and shape of one of this model")
