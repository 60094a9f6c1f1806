"""What every API does with a request: choose the version of the model, predict, and compare with the drift profile."""

import asyncio
import contextlib

from starlette.concurrency import run_in_threadpool

from kerasvision.data.kinds.base import ENCODED

FEW = 4  # encoded images, whose headers are read in less time than it takes to change threads


async def here(function, *arguments):
    """Runs `function` on the event loop, for work too short for a thread; returns what it returns."""
    return function(*arguments)


class Answering:
    """Where requests of every API find their model. models: `models.Models`. engine: `batching.Batching`."""

    def __init__(self, models, engine):
        self.models, self.engine = models, engine

    @contextlib.contextmanager
    def predictor(self, seen, name, version=None, label=""):
        """A context manager of a `Predictor` of the version that a request names, which is not unloaded before the end.

        version: a number, label: such as "stable", neither: the newest. seen: the request's `observing.Seen`. Raises
        ServingError (NOT_FOUND, INVALID_ARGUMENT) where there is no such version or label.
        """
        with self.models.servable(name, version, label) as servable:
            seen.of = servable
            yield Predictor(servable, self.engine, seen)


class Predictor:
    """One request to one version. servable: its `servable.Servable`. engine: `Batching`. seen: `observing.Seen`."""

    def __init__(self, servable, engine, seen):
        self.servable, self._engine, self._seen = servable, engine, seen

    def predict(self, inputs, signature="", output_filter=(), seconds=None):
        """Input name -> numpy array to output name -> numpy array, in a batch with other requests; waits for it.

        signature: its name, "" for the default one. output_filter: names of the outputs to give, () for all. seconds:
        how long the client waits, where that is known. Raises ServingError.
        """
        self._note(inputs)
        return self._watched(inputs, self._engine.predict(self.servable, inputs, signature, output_filter, seconds))

    def explain(self, inputs, signature):
        """`predict` of a signature that answers about a prediction, which the drift watch has seen already."""
        return self._engine.predict(self.servable, inputs, signature)

    def unwatched(self, inputs, signature):
        """`predict` of a signature whose inputs are not those that the drift watch knows."""
        self._note(inputs)
        return self._engine.predict(self.servable, inputs, signature)

    async def predict_later(self, inputs, signature=""):
        """`predict` as a coroutine, for the event loop of the REST API."""
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
        """The outputs, after the version's drift watch has seen them and the inputs."""
        if self.servable.watch:
            self.servable.watch.see(inputs, outputs)
        return outputs
