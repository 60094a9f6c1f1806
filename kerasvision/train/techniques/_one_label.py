"""The check that techniques share which replace a classifier's cross-entropy: the model has to have that loss."""

from kerasvision.core.errors import UsageError


def require_one_label(technique, arch):
    """Refuses an architecture whose raw is not the logits of one class among several, or whose loss is smoothed."""
    name = technique.registered_name.split("/")[-1]
    if tuple(arch.label_keys) != ("label",) or "probabilities" not in arch.outputs:
        raise UsageError(
            f"{name} replaces the cross-entropy of one class among several; {arch.registered_name} has another loss; "
            "use it with classification/classifier"
        )
    if getattr(arch, "label_smoothing", 0.0):
        raise UsageError(
            f"{name} has a loss of its own, where model.label_smoothing={arch.label_smoothing:g} would not count; "
            "set model.label_smoothing=0"
        )


def check_range(technique, name, low, high, strict=False):
    """Refuses a field outside low..high; `strict`: low itself, too."""
    value = getattr(technique, name)
    if not low <= value <= high or (strict and value == low):
        what = technique.registered_name.split("/")[-1]
        raise UsageError(f"{what}.{name}={value:g}; allowed: {'above ' if strict else ''}{low:g} to {high:g}")
