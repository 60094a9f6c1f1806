"""What techniques for imbalanced classes ask of their architecture."""

from kerasvision.core.errors import UsageError


def require_label(technique, arch):
    """Refuses an architecture whose examples do not have one class each."""
    if tuple(arch.needs) != ("label",) or not getattr(arch, "num_classes", 0):
        name = technique.registered_name.split("/")[-1]
        raise UsageError(
            f"{name} counts examples of one class each; {arch.registered_name} has others; use it with "
            "classification/classifier"
        )
