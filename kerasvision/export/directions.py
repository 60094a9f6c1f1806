"""Which way the figures of an exported package are better, out of its contract."""

from kerasvision.core.component import from_json
from kerasvision.core.errors import KerasVisionError


def directions_in(contract):
    """{name of a figure: `core.direction.Direction`}, as the evaluator of the contract's architecture states them; {}
    where the architecture is not registered here.
    """
    try:
        return from_json(contract["recipe"]["model"]).evaluator(tuple(contract["classes"])).directions
    except (KeyError, KerasVisionError):
        return {}
