"""A long tail cut out of a balanced source, to try remedies on: Cui et al. 2019, arXiv:1901.05555, section 5.1."""

import dataclasses

from kerasvision.core.component import part
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import sources
from kerasvision.data.sampling import long_tailed
from kerasvision.data.sources._wrapping import Wrapping


@sources.register("long_tail")
@dataclasses.dataclass(frozen=True)
class LongTail(Wrapping):
    """Samples: those of the source `of`, which has one class an image, with fewer and fewer in the training split.

    ratio: examples of the first class to those of the last; in between they fall exponentially, in the order of the
    classes. A class that has fewer to begin with keeps them. seed: which examples stay. Validation and test stay as
    they are, so a source without a validation split should name one: what is held out of a long tail is a long tail.
    skip_unreadable: set in `of` too.
    """

    of: part("sources")
    ratio: float = 100.0
    seed: int = 0
    skip_unreadable: bool = False

    def __post_init__(self):
        super().__post_init__()
        if not 1 <= self.ratio < float("inf"):
            raise UsageError(f"long_tail.ratio: got {self.ratio}; allowed: 1 (nothing is left out) or more")
        if self.seed < 0:
            raise UsageError(f"long_tail.seed: got {self.seed}; allowed: 0 or more")

    def open(self):
        opened = self.lenient("skip_unreadable").open()
        what = f"long_tail of {self.of.registered_name.split('/')[-1]}"
        whole = dataclasses.replace(opened.splits["train"], classes=opened.classes)
        train = long_tailed(whole, self.ratio, self.seed, what)
        return dataclasses.replace(opened, splits=opened.splits | {"train": train})
