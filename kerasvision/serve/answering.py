"""A request from the choice of a version to its outputs, the same for every API."""

import asyncio
import contextlib

from starlette.concurrency import run_in_threadpool

from kerasvision.data.kinds.base import ENCODED

FEW = 4  # encoded images, whose headers are read in less time than it takes to change threads


async def here(function, *arguments):
    """In place of a thread of its own."""
    return function(*arguments)


class Answering:
    """models: `Models`. engine: `Batching`."""

    def __init__(self, models, engine):
        self.models, self.engine = models, engine

    @contextlib.contextmanager
    def predictor(self, seen, name, version=None, label=""):
        """Yields what predicts: the version that is asked for is held until the end. seen: the observer's."""
        with self.models.servable(name, version, label) as servable:
            seen.of = servable
            yield Predictor(servable, self.engine, seen)


class Predictor:
    """A request to one version."""

    def __init__(self, servable, engine, seen):
        self.servable, self._engine, self._seen = servable, engine, seen

    def predict(self, inputs, signature="", output_filter=(), seconds=None):
        """Name -> array for name -> array. seconds: how long the client waits, where that is known."""
        self._note(inputs)
        return self._watched(inputs, self._engine.predict(self.servable, inputs, signature, output_filter, seconds))

    async def predict_later(self, inputs, signature=""):
        """The same, while the thread does other things."""
        self._note(inputs)
        # of encoded pictures headers are looked at, and some are decoded
        encoded = sum(value.size for key, value in inputs.items() if key.endswith(ENCODED))
        submit = run_in_threadpool if encoded > FEW else here
        answer = asyncio.wrap_future(await submit(self._engine.submit, self.servable, inputs, signature))
        try:
            outputs = await asyncio.wait_for(answer, self._engine.limits.deadline)
        except TimeoutError:
            raise self._engine.too_late() from None
        watch = run_in_threadpool if encoded and self.servable.watch else here
        return await watch(self._watched, inputs, outputs)

    def _note(self, inputs):
        self._seen.examples = max((v.shape[0] for v in inputs.values() if v.ndim), default=1)

    def _watched(self, inputs, outputs):
        """What came and was predicted is compared with the contract's profile."""
        if self.servable.watch:
            self.servable.watch.see(inputs, outputs)
        return outputs
