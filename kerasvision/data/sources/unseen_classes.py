"""Classes that training does not see, of any source that has one class an example: what embedders are judged by."""

import dataclasses

import numpy as np

from kerasvision.core.component import part
from kerasvision.core.errors import UsageError, close_matches
from kerasvision.core.registry import sources
from kerasvision.data.sampling import repeated, single_labels
from kerasvision.data.sources._wrapping import Wrapping

_LEAST = 2  # classes to train on


@sources.register("unseen_classes")
@dataclasses.dataclass(frozen=True)
class UnseenClasses(Wrapping):
    """Samples: those of the source `of`. Its test split (the training split, where it has none) keeps the classes that
    are named, and training and validation keep all others. How many examples are left out of each split is said.

    names: as `of` has them. What training holds out for validation is of classes that are trained on, so that no unseen
    one chooses an epoch. The classes of the data keep their numbers, those that are not trained on too.
    skip_unreadable: set in `of` too.
    """

    of: part("sources")
    names: tuple[str, ...] = ()
    skip_unreadable: bool = False

    def open(self):
        opened = self.lenient("skip_unreadable").open()
        what = f"unseen_classes of {self.of.registered_name.split('/')[-1]}"
        unseen = self._numbers(opened.classes, what)
        wanted = opened.splits if "test" in opened.splits else opened.splits | {"test": opened.splits["train"]}
        splits, said = {}, []
        for name, split in wanted.items():
            keep = np.isin(single_labels(split, what), unseen) == (name == "test")
            if not keep.any():
                raise UsageError(
                    f"{what}: no example is left in {name}, which has {split.size}; name other classes than "
                    f"{', '.join(self.names)}"
                )
            splits[name] = repeated(split, keep.astype(np.int64))
            said.append(f"withheld: {int((~keep).sum())} of {split.size} examples of {name} are of other classes")
        return dataclasses.replace(opened, splits=splits, dropped=(*opened.dropped, *said))

    def _numbers(self, classes, what):
        if strange := [name for name in self.names if name not in classes]:
            raise UsageError(f"{what}: no class {strange[0]!r}; {close_matches(strange[0], classes)}")
        if not self.names or len(classes) - len(set(self.names)) < _LEAST:
            raise UsageError(
                f"{what}: names={self.names} of {len(classes)} classes; allowed: one or more, so that {_LEAST} or more "
                "are left to train on"
            )
        return [classes.index(name) for name in self.names]
