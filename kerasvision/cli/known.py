"""Which model a person names, so that what was found of it is told from what was found of another."""

import pathlib


def kind_and_sum(path):
    """(what trust.json calls a run, an exported file or folder, sha256 in hexadecimal digits): of a run the sum of its
    weights, of what was exported the one that its contract.json has.

    Raises KerasVisionError of a file that is not what its contract describes.
    """
    from kerasvision.export.identity import kind_of
    from kerasvision.export.measurement import sha256
    from kerasvision.export.placing import artifact_at
    from kerasvision.robustness.trust.measured import TRAINED
    from kerasvision.train.run import WEIGHTS

    path = pathlib.Path(path)
    if (path / "recipe.json").exists():
        return TRAINED, sha256(path / WEIGHTS)
    return kind_of(path), sha256(artifact_at(path))
