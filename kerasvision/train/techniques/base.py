"""The hooks of a training technique. Each does nothing by default; a technique overrides the few it needs."""

from kerasvision.core.component import Component


class Technique(Component):
    """Abstract. Final subclasses are frozen dataclasses."""

    kind = "techniques"

    def start(self, arch, graph):
        """Once, before the first step: put weights in, set `trainable`. Returns nothing."""

    def graph(self, arch, graph):
        """The graph to train, with the same keys in and out. Also called, without `start`, when a run is loaded."""
        return graph

    def strip(self, arch, graph):
        """After the last step: the graph to keep and export. Undoes what `graph` did for training only."""
        return graph

    def batch(self, inputs, targets, seed):
        """Batched (prepared inputs, targets) -> the same, in tf.data. seed: int32 [2], stateless."""
        return inputs, targets

    def objective(self, loss):
        """`loss(targets, raw) -> {name: [B]}` -> another such function."""
        return loss

    def learning_rates(self, arch, graph):
        """layer name -> factor of the learning rate; layers not named keep 1."""
        return {}

    def callbacks(self):
        """Keras callbacks."""
        return ()
