"""Systems of trained models that answer step by step: what a tracker, a reader of pages or an index derives from."""

import abc
import io
import json
import pathlib
import shutil
import typing
import zipfile

import numpy as np

from kerasvision.core.component import Component, from_json, to_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import write_bytes, write_text

FILE = "system.json"
_ABOUT = "about"  # key of a state's file beside those of the state


class System(Component):
    """Abstract. Concrete ones are frozen dataclasses; their fields are their settings. What changes from step to step
    is the state alone, so that a system can be saved, resumed and served.

    models: names of the models that it is made of, each a run or an exported file of its own. called: what a user
    calls it.
    """

    kind = "systems"
    called: typing.ClassVar[str] = "system"
    models: typing.ClassVar[tuple[str, ...]]

    @abc.abstractmethod
    def start(self):
        """The state before the first step: a dict of numpy arrays."""

    @abc.abstractmethod
    def step(self, models, state, inputs):
        """(the next state, the answer: a dict of numpy arrays). models: {name: what `call`s and predicts}. inputs: what
        a user gives for one step. Changes neither of them.
        """


class Session:
    """Final. A system with its models at work: remembers its state from step to step.

    models: {name: model}, for each of `system.models`.
    """

    def __init__(self, system, models):
        if set(models) != set(system.models):
            raise UsageError(f"{system.registered_name} is made of {_named(system.models)}; seen: {_named(models)}")
        self.system, self.models = system, models
        self.state = system.start()

    def step(self, inputs):
        """inputs: what `System.step` takes -> its answer, a dict of numpy arrays. The state becomes the next one."""
        self.state, answer = self.system.step(self.models, self.state, inputs)
        return answer

    def restart(self):
        """Forget what was seen."""
        self.state = self.system.start()


def save_system(system, models, folder):
    """Write `system.json` and a copy of each model into a new folder.

    models: {name: path of a run folder, or of an exported file or folder}. A file takes along what lies beside it, its
    contract.json among it.
    """
    folder = pathlib.Path(folder)
    if set(models) != set(system.models):
        raise UsageError(f"{system.registered_name} is made of {_named(system.models)}; seen: {_named(models)}")
    if folder.exists() and any(folder.iterdir()):
        raise KerasVisionError(f"{folder} is not empty; choose another folder")
    places = {}
    for name, path in models.items():
        path = pathlib.Path(path)
        whole = path if path.is_dir() else path.parent
        shutil.copytree(whole, folder / "models" / name)
        places[name] = str(pathlib.PurePosixPath("models", name, *path.relative_to(whole).parts))
    write_text(folder / FILE, json.dumps({"system": to_json(system), "models": places}, indent=2) + "\n")


def load_system(folder, open_model):
    """The `Session` of a folder that `save_system` wrote. open_model: path -> model, such as `api.load`."""
    file = pathlib.Path(folder) / FILE
    if not file.exists():
        raise UsageError(f"{folder} has no {FILE}; name a folder that a system was saved in")
    held = json.loads(file.read_text(encoding="utf-8"))
    system = from_json(held["system"])
    if not isinstance(system, System):
        raise KerasVisionError(f"{file} describes no system; save it again")
    return Session(system, {name: open_model(file.parent / place) for name, place in held["models"].items()})


def save_state(path, system, state, beside):
    """Write the state of a system to a file, exactly. beside: JSON, what its user wants to be told when it goes on."""
    about = json.dumps({"system": to_json(system), "beside": beside})
    held = io.BytesIO()
    np.savez(held, **{_ABOUT: np.frombuffer(about.encode(), np.uint8)}, **state)
    write_bytes(pathlib.Path(path), held.getvalue())


def load_state(path, system):
    """(state, what stands beside it) of a file that `save_state` wrote. Raises UsageError, one line, where there is
    none, or it is of another system or of other settings.
    """
    try:
        with np.load(path) as file:
            state = {key: file[key] for key in file.files}
        about = json.loads(state.pop(_ABOUT).tobytes().decode())
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        raise UsageError(f"{path} is no state that can be gone on from; begin anew") from None
    if (seen := about["system"]) != (own := json.loads(json.dumps(to_json(system)))):
        apart = ", ".join(sorted(k for k in {*seen, *own} if seen.get(k) != own.get(k)))
        raise UsageError(
            f"{path} is the state of another {system.called} (they differ in {apart}); give the same settings"
        )
    return state, about["beside"]


def _named(names):
    return ", ".join(sorted(names)) or "none"
