"""What gives classes their probabilities, one class for each example or several, whatever goes in."""

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.ops.internals import called_with
from kerasvision.tasks._class_targets import ClassTargets
from kerasvision.tasks.base import Architecture


def require_two_classes(arch):
    """Raise KerasVisionError of an architecture whose `num_classes` is less than two."""
    if arch.num_classes < 2:
        raise KerasVisionError(
            f"{arch.registered_name} needs at least two classes and has num_classes={arch.num_classes}; "
            "set model.num_classes, or let the data decide with 0"
        )


class Classes(Architecture):
    """Abstract. Raw has `logits` [B, ...]; predictions have `probabilities` [B, K]. Concrete ones have these fields."""

    num_classes: int
    label_smoothing: float

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.label_smoothing < 1:
            raise UsageError(f"model.label_smoothing={self.label_smoothing:g}; allowed: 0 to less than 1")

    def require_classes(self):
        """Raise KerasVisionError before a graph of fewer than two classes is built."""
        require_two_classes(self)

    @property
    def mixes(self):
        return {"logits": "probabilities"}

    def embedding(self, graph):
        """What the dense layer of the logits looks at."""
        (vector,) = called_with(graph.output["logits"])
        return vector

    def targets(self):
        return ClassTargets(self)

    def class_scores(self, raw):
        """raw -> the logit of each class or label, float32 [B, K], before anything that is chosen after training."""
        return raw["logits"]
