"""One version of a model, as a server holds it."""

import dataclasses
import pathlib
import typing

from kerasvision.serve.servable import Servable
from kerasvision.serve.status import ServingError

State = typing.Literal["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]


@dataclasses.dataclass
class Version:
    """The state of one version of a model. path: its folder. error: why it could not be loaded. failed: `files.mark_of`
    what could not be loaded as this version, from this folder or from one that should have taken its place. servable:
    while it can be used. users: how many requests are using it.
    """

    number: int
    path: pathlib.Path
    state: State = "START"
    failed: tuple = ()
    error: ServingError | None = None
    servable: Servable | None = None
    users: int = 0
