"""What sources that change another source's samples share."""

import dataclasses
import typing

from kerasvision.core import registry
from kerasvision.core.component import hints
from kerasvision.data.sources._detect import detect
from kerasvision.data.sources.base import Source


class Wrapping(Source):
    """Abstract. Concrete ones have this field. adds: keys that samples have beside those of `of`."""

    form: typing.ClassVar[str] = "DATA"
    adds: typing.ClassVar[tuple[str, ...]] = ()

    of: Source

    @property
    def labels(self):
        """Keys that its samples may have beside the inputs."""
        return (*self.of.labels, *self.adds)

    @classmethod
    def from_text(cls, text):
        return registry.make(cls, {"of": detect(text)})

    @property
    def path(self):
        """Where the data lie, as `of` has it."""
        return getattr(self.of, "path", "")

    @property
    def orientation(self):
        """Which pixels the labels were drawn on, as `of` has it."""
        return getattr(self.of, "orientation", "upright")

    def lenient(self, *names):
        """`of` with those of the named fields set that are set here and that it has."""
        held = hints(type(self.of))
        return dataclasses.replace(self.of, **{n: True for n in names if getattr(self, n) and n in held})


def numbered(split):
    """The split's records as {"number", "record"}, in their order."""
    return split.records.enumerate().map(lambda n, r: {"number": n, "record": r}, num_parallel_calls=1)
