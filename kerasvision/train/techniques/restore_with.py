"""A finished run of `generation/*` fills in what is missing for a model that has its architecture as `restorer`."""

import dataclasses

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import techniques
from kerasvision.train.techniques.base import Technique
from kerasvision.train.techniques.freeze import freeze_layers


@techniques.register("restore_with")
@dataclasses.dataclass(frozen=True)
class RestoreWith(Technique):
    """run: folder of the finished run, whose weights the model's restorer gets. learns: whether they go on learning."""

    run: str
    learns: bool = False

    def start(self, arch, graph):
        from kerasvision.train.run import load_run

        inside = getattr(arch, "restorer", None)
        if inside is None:
            raise KerasVisionError(
                f"restore_with: {arch.registered_name} has no restorer; set model.restorer of "
                "classification/incomplete_classifier to the architecture of the run"
            )
        run = load_run(self.run)
        if run.arch != inside:
            raise KerasVisionError(
                f"restore_with: {self.run} is another {run.arch.registered_name} than model.restorer, a "
                f"{inside.registered_name}; give both the same fields"
            )
        held = [layer for layer in graph.layers if layer.name.startswith(arch.RESTORER) and layer.weights]
        for layer in held:
            layer.set_weights(run.graph.get_layer(layer.name.removeprefix(arch.RESTORER)).get_weights())
        if not self.learns:
            freeze_layers(held)
