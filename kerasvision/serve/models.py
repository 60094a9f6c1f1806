"""Which models and versions are served: found on disk, loaded, kept while they are used, and unloaded."""

import collections
import contextlib
import dataclasses
import pathlib
import threading
import time
import typing

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.export.package.labels import names_below, present
from kerasvision.serve.files import mark_of
from kerasvision.serve.log import Log
from kerasvision.serve.servable import Servable
from kerasvision.serve.status import Code, ServingError, invalid, not_found
from kerasvision.serve.version import Version


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """One model, as in TensorFlow Serving's models.config.

    base_path: a folder with a folder a version, named by its number. versions: "all", "latest" or a tuple of numbers;
    latest: how many of the newest ones "latest" keeps. labels: label -> version.
    """

    name: str
    base_path: str
    versions: str | tuple[int, ...] = "latest"
    latest: int = 1
    labels: typing.Mapping[str, int] = dataclasses.field(default_factory=dict)

    def wanted(self):
        """{version number: its folder} of what is on disk and to be served, rising; 00000123 is version 123. Raises
        KerasVisionError where the folder is there and cannot be read.
        """
        try:
            entries = list(pathlib.Path(self.base_path).iterdir())
        except FileNotFoundError:
            return {}
        except OSError as error:  # a disk that is away for a moment is not one without versions
            raise KerasVisionError(f"{self.base_path} cannot be read: {error.strerror}") from None
        numbered = sorted((int(p.name), p) for p in entries if p.name.isascii() and p.name.isdigit())
        found = {number: path for number, path in numbered if (path / "saved_model.pb").exists()}
        if self.versions == "all":
            return found
        if self.versions == "latest":
            return dict(list(found.items())[-self.latest :])
        return {number: path for number, path in found.items() if number in self.versions}


class Models:
    """The models that a server has loaded. Thread-safe.

    A new version is loaded and warmed up beside the old one, which goes on answering until then, and so is the same
    version of another folder; one that cannot be loaded changes nothing but its own status. A version is unloaded when
    its last request ends.

    configs: [`ModelConfig`]. log: a function that takes a line of text. check: a function that raises on a version's
    folder that may not be loaded. changed: called after every look at the disk with whether every model answers.
    """

    def __init__(self, configs, log=None, check=lambda path: None, changed=lambda is_ready: None):
        self._log, self._check, self._changed = log or Log().event, check, changed
        self._lock = threading.Condition()
        self._configs = {}
        self._held = collections.defaultdict(dict)  # name -> version number -> Version
        self._loading = threading.Lock()  # one reload at a time
        self._looked = {}  # path of a version that does not answer -> its mark at the last look
        self._stopped, self._told = threading.Event(), False
        self.configure(configs)

    def tell(self, configs):
        """`configure` with a list that a client has sent: from then on `watch` no longer reads it from the disk."""
        self.configure(configs, is_told=True)

    def configure(self, configs, is_told=False, waits=False):
        """Serve another list of models, [`ModelConfig`], in place of the present one. is_told, waits: see `refresh`.

        Raises UsageError where two have one name.
        """
        twice = sorted(name for name, count in collections.Counter(c.name for c in configs).items() if count > 1)
        if twice:
            raise UsageError(
                f"Duplicate model names in the list: {', '.join(map(repr, twice))}; a model has one config"
            )
        self.refresh({c.name: c for c in configs}, is_told, waits)

    def refresh(self, configs=None, is_told=False, waits=False):
        """Look at the disk: load new versions, unload those that are no longer wanted.

        configs: name -> the `ModelConfig` to serve from now on, None for the present ones. It counts when its versions
        have been loaded, so that a label that moves names a version that answers at every moment. is_told: whether a
        client has sent it, after which no list from the disk counts. waits: load a version only when its files are
        those of the look before, since it may be being copied.
        """
        with self._loading:
            if configs is None or (self._told and not is_told):
                configs = dict(self._configs)
            self._told = self._told or is_told
            with self._lock:
                held = set(self._held)
            wanted = {name: configs[name].wanted() if name in configs else {} for name in {*configs, *held}}
            before, self._looked = self._looked, {}
            for name, versions in sorted(wanted.items()):
                for number, path in versions.items():
                    if self._is_due(name, number, path, before if waits else None):
                        self._load(name, number, path)
            for name in sorted(set(configs) - set(self._configs)):
                if not wanted[name]:
                    self._log(f"{name} has no version yet: nothing like {configs[name].base_path}/1/saved_model.pb")
            with self._lock:
                self._configs = configs
            for name, versions in wanted.items():
                self._retire(name, set(versions))
            self._changed(self.ready)

    def _is_due(self, name, number, path, before):
        """Whether a version has never been loaded, or stands in another folder than the one that was, or has been let
        go, or failed and has other files by now. before: marks of the last look's versions, which must be the same;
        None: it is tried at once.
        """
        with self._lock:
            held = self._held[name].get(number)
        if held and held.state != "END" and held.path == path:
            return False
        mark = self._looked[path] = mark_of(path)
        return not (held and held.failed == mark) and (before is None or before.get(path) == mark)

    def _retire(self, name, wanted):
        """Unload the versions of a model that are not wanted, once one that is wanted answers."""
        with self._lock:
            serving = [v for v in self._held[name].values() if v.state == "AVAILABLE"]
            ready = any(v.number in wanted for v in serving) or not wanted
            goes = [v for v in serving if v.number not in wanted] if ready else []
            for failed in [v for v in self._held[name].values() if v.error and v.number not in wanted]:
                del self._held[name][failed.number]
            for version in goes:
                version.state = "UNLOADING"
        for version in goes:
            self._let_go(name, version)

    def _load(self, name, number, path):
        version = Version(number, path, "LOADING")
        mark, started = mark_of(path), time.monotonic()
        with self._lock:
            before = self._held[name].get(number)
            moves = before is not None and before.state == "AVAILABLE"  # to another folder, and answers until then
            if not moves:
                self._held[name][number] = version
        try:
            self._check(path)
            servable = Servable(name, number, path)
            if mark_of(path) != mark:
                raise KerasVisionError("its files changed while they were read")
        except Exception as error:  # whatever TensorFlow finds wrong with the files: the others go on
            text = str(error).split("\n")[0][:500] or type(error).__name__
            with self._lock:
                version.state, version.error = "END", ServingError(Code.INTERNAL, text)
                (before if moves else version).failed = mark
            stays = f"; that of {before.path} goes on" if moves else ""
            self._log(f"{name} version {number} cannot be served: {text}{stays}")
            return
        with self._lock:
            version.servable, version.state = servable, "AVAILABLE"
            self._held[name][number] = version
        seconds = time.monotonic() - started
        self._log(f"{name} version {number} is served ({servable.warmed} warm-up requests, {seconds:.1f} s)")
        if moves:
            self._let_go(name, before, f" from {before.path}")

    def _let_go(self, name, version, where=""):
        with self._lock:
            self._lock.wait_for(lambda: version.users == 0)
            version.servable, version.state = None, "END"
        self._log(f"{name} version {version.number} is no longer served{where}")

    @contextlib.contextmanager
    def servable(self, name, version=None, label=""):
        """A context manager of the `Servable` for a request, which is not unloaded before the end.

        version: a number, None for the newest; label: names a version in its place. Raises ServingError (NOT_FOUND, or
        INVALID_ARGUMENT of a label) where there is none.
        """
        with self._lock:
            held = self._choose(name, version, label)
            held.users += 1
            servable = held.servable
        try:
            yield servable
        finally:
            with self._lock:
                held.users -= 1
                self._lock.notify_all()

    def _choose(self, name, version, label):
        if label:
            labels = self._configs[name].labels if name in self._configs else {}
            if label not in labels:
                raise invalid(f"Unrecognized servable version label: {label}")
            version = labels[label]
        serving = {v.number: v for v in self._held.get(name, {}).values() if v.state == "AVAILABLE"}
        if version is None and serving:
            return serving[max(serving)]
        if version in serving:
            return serving[version]
        asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        raise not_found(f"Servable not found for request: {asked}")

    def status(self, name, version=None):
        """[(version number, `State`, `ServingError` or None)] of a model, the newest first; of one version where it is
        named. Raises ServingError (NOT_FOUND) where there is none.
        """
        with self._lock:
            held = list(self._held.get(name, {}).values()) if name in self._held or name in self._configs else []
        rows = [(v.number, v.state, v.error) for v in sorted(held, key=lambda v: -v.number)]
        if version is not None:
            rows = [row for row in rows if row[0] == version]
            if not rows:
                raise not_found(f"Could not find version {version} of model {name}")
        if not rows:
            raise not_found(f"Could not find any versions of model {name}")
        return rows

    def versions(self, name):
        """`status` of all versions of a model, [] where there is none."""
        try:
            return self.status(name)
        except ServingError:
            return []

    def labels(self, name):
        """{label: version} of a model."""
        with self._lock:
            return dict(self._configs[name].labels) if name in self._configs else {}

    def names(self):
        """Names of the models to be served, sorted, whether they have a version or not."""
        with self._lock:
            return sorted(self._configs)

    def drift(self):
        """[(model, version number, `drift.Watch.report()`)] of the versions that answer and have a profile."""
        with self._lock:
            held = [(n, v.number, v.servable) for n, of in self._held.items() for v in of.values() if v.servable]
        return [(name, number, s.watch.report()) for name, number, s in sorted(held, key=lambda r: r[:2]) if s.watch]

    @property
    def ready(self):
        """Whether every model has a version that answers."""
        with self._lock:
            return all(any(v.state == "AVAILABLE" for v in self._held[n].values()) for n in self._configs)

    def watch(self, seconds, configs=None):
        """Start a thread that looks at the disk every `seconds`, until `stop`; what is still being copied has to wait.

        configs: a function () -> [`ModelConfig`], called at each look, so that a label that moves is followed, until a
        client has sent another list; None: the list stays.
        """

        def loop():
            said = ""
            while not self._stopped.wait(seconds):
                failed = ""
                try:
                    is_from_disk = configs and not self._told
                    self.configure(configs(), waits=True) if is_from_disk else self.refresh(waits=True)
                except Exception as error:  # a disk that is away for a moment must not end the watch
                    failed = f"looking for versions failed: {error}"
                if failed and failed != said:  # once, not at every look
                    self._log(failed)
                said = failed

        threading.Thread(target=loop, name="versions", daemon=True).start()

    def stop(self):
        """End the thread of `watch`."""
        self._stopped.set()


def configs_below(folder):
    """[`ModelConfig`] of the models below a folder, such as `saved_models/`, with their labels: of a model that has
    labels, the labeled versions are served, and no other. Raises UsageError where there is no model.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise UsageError(f"no folder {folder}; name one that `kerasvision export --to tf_serving` has written")
    names = names_below(folder)
    if not names:
        raise UsageError(f"{folder} holds no model: there should be NAME/1/saved_model.pb below it")
    named = {name: present(folder, name) for name in names}
    which = {name: tuple(sorted(set(held.values()))) or "latest" for name, held in named.items()}
    return [ModelConfig(name, str(folder / name), which[name], labels=named[name]) for name in names]
