"""A loss that is a sum of terms, each with a weight that a recipe sets."""

from kerasvision.core.errors import UsageError


def require_weights(loss, names):
    """Refuse weights below 0, and a sum of nothing. loss: a part with a field for each of the names."""
    weights = {name: getattr(loss, name) for name in names}
    if min(weights.values()) < 0 or not any(weights.values()):
        listed = ", ".join(f"{name}={value:g}" for name, value in weights.items())
        raise UsageError(f"{type(loss).__name__}: {listed}; give weights of 0 or more, and one above 0")


def weighted(loss, terms):
    """Name -> loss times its weight, [B], where that is not 0. terms: name -> function that gives its loss."""
    return {name: getattr(loss, name) * term() for name, term in terms.items() if getattr(loss, name)}
