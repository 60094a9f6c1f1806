"""When a classifier had better say nothing: the confidence below which it abstains, for a risk that a person states."""

import dataclasses

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.data.pipeline import raw_examples, splits_of
from kerasvision.ops import selective

SPLIT = "validation"
_PROMISES = {  # field of an architecture -> what it bounds
    "pixel_sets": "of an image's pixels is among the classes that each may be",
    "outer_boxes": "of an image's objects its wider boxes hold",
    "interval": "of the numbers its intervals hold",
}
DOUBT = 0.05  # the chance that the risk is larger than stated, over the draws of the examples


@dataclasses.dataclass(frozen=True)
class Abstention:
    """max_risk: the share of answers that may be wrong. threshold: the least probability that is answered. answered:
    the share of held-out examples that reach it. bound: what the share of wrong answers stays below, with a chance of
    95 %.
    """

    max_risk: float
    threshold: float
    answered: float
    bound: float

    def describe(self, probabilities):
        """JSON of one example. probabilities: [K]."""
        held = dataclasses.asdict(self)
        return held | {"abstains": bool(probabilities.max() < np.float32(self.threshold))}

    def in_words(self, probabilities):
        """What is added to an answer, "" where it stands."""
        if not self.describe(probabilities)["abstains"]:
            return ""
        return f"abstains (below {self.threshold:.3f} more than {100 * self.max_risk:g} % may be wrong); likeliest "


def abstention_of(model, max_risk):
    """The `Abstention` of a model, fitted on the validation split of its data. model: called with serving inputs, with
    `arch` and `recipe`, such as `api.Model`. Raises UsageError where there are no held-out examples or too few, and of
    a model that gives no probabilities of one class an example.
    """
    if not 0 < max_risk < 1:
        raise UsageError(f"--max-risk {max_risk:g}; allowed: above 0 and below 1, as in 0.02")
    arch = model.arch
    if tuple(arch.label_keys) != ("label",) or "probabilities" not in arch.outputs:
        raise UsageError(_no_label_to_withhold(arch, max_risk))
    if model.recipe is None:
        raise UsageError("--max-risk needs the data that a classifier was trained on, and a pretrained model has none")
    splits = splits_of(model.recipe)
    if SPLIT not in splits:
        raise UsageError("--max-risk is fitted on a validation split, and the model's data has none")
    scores, is_right = [], []
    for inputs, ground_truth, _ in raw_examples(splits[SPLIT], arch):
        probabilities = model(inputs)["probabilities"]
        scores.append(probabilities.max(1))
        is_right.append(probabilities.argmax(1) == ground_truth["label"])
    return fitted(np.concatenate(scores), np.concatenate(is_right), max_risk)


def _no_label_to_withhold(arch, max_risk):
    """Why an architecture cannot abstain, and what it can promise in place of that."""
    said = f"--max-risk withholds the one label of an example, and {arch.registered_name} gives none"
    if promise := arch.promise():
        return f"{said}; what it promises stands in its answers: {promise['coverage']:g} of {promise['of']}"
    if fields := [name for name in arch.calibrates if name in _PROMISES]:
        rather = f"kerasvision calibrate RUN --set {fields[0]}.coverage={1 - max_risk:g}"
        return f"{said}; have it promise how much {_PROMISES[fields[0]]}, as in {rather}"
    return f"{said}; name a classifier of one class an example"


def fitted(scores, is_right, max_risk):
    """The `Abstention` for these held-out examples: `abstention_of` has the errors."""
    try:
        return Abstention(max_risk, *selective.threshold(scores, is_right, max_risk, DOUBT))
    except ValueError:
        least, wrong = selective.needed(max_risk, DOUBT), int((~is_right).sum())
        reason = f"{least} or more are needed, all right" if len(scores) < least else "it is wrong where it is surest"
        raise UsageError(
            f"--max-risk {max_risk:g} cannot be promised by {len(scores)} held-out examples, {wrong} of them wrong: "
            f"{reason}; hold more out, or allow more risk"
        ) from None
