"""A request from the choice of a version to its outputs, the same for every API."""

import asyncio
import contextlib


class Answering:
    """models: `Models`. engine: answers (servable, inputs, signature, names of outputs) -> outputs. observer: an
    `Observer`.
    """

    def __init__(self, models, engine, observer):
        self.models, self.engine, self._observer = models, engine, observer

    @contextlib.contextmanager
    def request(self, api, headers, name, version=None, label=""):
        """Yields what `predict` takes: the version that is asked for is held until the end."""
        with self._observer.request(api, headers) as seen, self.models.servable(name, version, label) as servable:
            seen.of = servable
            yield Asked(servable, self.engine, seen)


class Asked:
    """A request to one version."""

    def __init__(self, servable, engine, seen):
        self.servable, self._engine, self._seen = servable, engine, seen

    def predict(self, inputs, signature="", output_filter=()):
        """Name -> array for name -> array."""
        self._note(inputs)
        return self._watched(inputs, self._engine.predict(self.servable, inputs, signature, output_filter))

    async def predict_later(self, inputs, signature=""):
        """The same, while the thread does other things."""
        self._note(inputs)
        answer = asyncio.wrap_future(self._engine.submit(self.servable, inputs, signature))
        try:
            outputs = await asyncio.wait_for(answer, self._engine.limits.deadline)
        except TimeoutError:
            raise self._engine.too_late() from None
        return self._watched(inputs, outputs)

    def _note(self, inputs):
        self._seen.examples = max((v.shape[0] for v in inputs.values() if v.ndim), default=1)

    def _watched(self, inputs, outputs):
        """What is asked and answered is compared with the contract's profile."""
        if self.servable.watch:
            self.servable.watch.see(inputs, outputs)
        return outputs
