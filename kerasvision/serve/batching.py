"""Requests that wait at the same time are answered as one batch; beyond a bound nothing waits.

Adaptive as in "Clipper: A Low-Latency Online Prediction Serving System" (Crankshaw et al. 2017, NSDI, section 4.3), in
its simplest form: a worker that has finished takes whatever has come meanwhile. So a lone request never waits for
company, and batches grow with the load. Where `Limits.wait` is more than 0 a request waits so long for others, unless
its batch is full before.
"""

import collections
import concurrent.futures
import dataclasses
import threading
import time

import numpy as np

from kerasvision.serve.limits import Limits
from kerasvision.serve.status import Code, ServingError

_USUAL = Limits()


@dataclasses.dataclass(eq=False)
class _Job:
    servable: object
    signature: str
    inputs: dict
    size: int
    key: object
    came: float
    expires: float
    output_filter: tuple = ()
    answer: concurrent.futures.Future = dataclasses.field(default_factory=concurrent.futures.Future)


class Batching:
    """The queue of requests and the threads that compute it, in batches; the module says how.

    seen: called with (what, servable, number): "batch" with the examples of each batch, "waited" with the seconds that
    a request waited before it was computed, "refused" and "expired" with 1 for a request that found the queue full, or
    that was not computed as its time had passed. clock: a function that gives seconds.
    """

    def __init__(self, limits=_USUAL, seen=lambda what, servable, number: None, clock=time.monotonic):
        self.limits, self._seen, self._clock = limits, seen, clock
        self._lock = threading.Condition()
        self._queue = collections.deque()
        self._waiting = 0
        self._ends = False
        names = (f"batch-{n}" for n in range(limits.workers))
        self._workers = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]
        for worker in self._workers:
            worker.start()

    @property
    def waiting(self):
        """How many examples wait to be computed."""
        return self._waiting

    def queued(self):
        """{(model, version number): examples that wait}, of those of which some do."""
        counts = collections.Counter()
        with self._lock:
            for job in self._queue:
                counts[job.servable.name, job.servable.version] += job.size
        return counts

    def submit(self, servable, inputs, signature="", output_filter=(), seconds=None):
        """A concurrent Future of the outputs, name -> numpy array.

        servable: of the version. inputs: name -> numpy array. signature, output_filter: as in `answering.Predictor`.
        seconds: how long the client waits, if that is less than the deadline; a request that has waited longer is not
        computed. Raises ServingError at once where names or types are wrong (INVALID_ARGUMENT), where the queue is full
        (RESOURCE_EXHAUSTED) or ends (UNAVAILABLE).
        """
        ready = servable.checked(inputs, signature, output_filter)
        size, key = _size(ready), _key(servable, ready, signature)
        came = self._clock()
        times = came, came + self._patience(seconds)
        job = _Job(servable, signature, ready, size or 1, key if size else object(), *times, tuple(output_filter))
        with self._lock:
            if self._ends:
                raise ServingError(Code.UNAVAILABLE, "the server is ending; ask another one")
            if self._queue and self._waiting + job.size > self.limits.bound:
                self._seen("refused", servable, 1)
                raise ServingError(
                    Code.RESOURCE_EXHAUSTED,
                    f"{self._waiting} examples are waiting, and {self.limits.bound} may; try again later",
                )
            self._queue.append(job)
            self._waiting += job.size
            self._lock.notify()
        return job.answer

    def predict(self, servable, inputs, signature="", output_filter=(), seconds=None):
        """`submit`, and wait for the outputs. Raises also what the graph raised, and DEADLINE_EXCEEDED."""
        answer = self.submit(servable, inputs, signature, output_filter, seconds)
        try:
            return answer.result(self._patience(seconds))
        except concurrent.futures.TimeoutError:
            answer.cancel()
            raise self.too_late() from None

    def _patience(self, seconds):
        return self.limits.deadline if seconds is None else max(0.0, min(seconds, self.limits.deadline))

    def too_late(self):
        """The ServingError, not raised, of outputs that did not come in time."""
        return ServingError(Code.DEADLINE_EXCEEDED, f"not answered within {self.limits.deadline:g} seconds")

    def stop(self):
        """Compute what waits, then end the threads; later requests are refused."""
        with self._lock:
            self._ends = True
            self._lock.notify_all()
        for worker in self._workers:
            worker.join()

    def _work(self):
        while jobs := self._next():
            _answer(jobs, self.limits.sizes, self._seen)

    def _next(self):
        """The longest waiting job and those that can join it; None at the end, when there is nothing left to do."""
        with self._lock:
            while True:
                self._lock.wait_for(lambda: self._queue or self._ends)
                if not self._queue:
                    return None
                first, pause = self._due()
                if pause > 0:
                    self._lock.wait(pause)
                    continue
                self._queue.remove(first)
                if self._is_taken(first):
                    return [first, *self._company(first)]

    def _due(self):
        """(the job that a worker may begin with, 0), or (None, seconds until there is one)."""
        if not self.limits.wait or self._ends:
            return self._queue[0], 0.0
        sizes, now = collections.Counter(), self._clock()
        for job in self._queue:
            sizes[job.key] += job.size
        pauses = [(self._pause(job, sizes[job.key], now), job) for job in self._queue]
        least, first = min(pauses, key=lambda row: row[0])
        return (first, 0.0) if least <= 0 else (None, least)

    def _pause(self, job, size, now):
        """Seconds that a job goes on waiting for others. size: of all that could be computed with it."""
        if size >= self.limits.largest:
            return 0.0
        return max(0.0, min(job.came + self.limits.wait, job.expires) - now)

    def _company(self, first):
        jobs, size, kept = [], first.size, collections.deque()
        for job in self._queue:
            if job.key != first.key or size + job.size > self.limits.largest:
                kept.append(job)
            elif self._is_taken(job):
                jobs.append(job)
                size += job.size
        self._queue = kept
        return jobs

    def _is_taken(self, job):
        """Whether a job that leaves the queue is to be run: its client waits, and its time has not passed."""
        self._waiting -= job.size
        now, is_there = self._clock(), job.answer.set_running_or_notify_cancel()
        if now >= job.expires:
            self._seen("expired", job.servable, 1)
            if is_there:
                job.answer.set_exception(self.too_late())
            return False
        if is_there:
            self._seen("waited", job.servable, now - job.came)
        return is_there


def _answer(jobs, sizes, seen):
    """Run the jobs as one batch. If that fails each runs alone, so that one bad image spoils nobody else's answer."""
    try:
        answers = _run(jobs, sizes)
        seen("batch", jobs[0].servable, sum(job.size for job in jobs))
    except Exception as error:
        if len(jobs) == 1:
            jobs[0].answer.set_exception(error)
            return
        for job in jobs:
            _answer([job], sizes, seen)
        return
    for job, answer in zip(jobs, answers, strict=True):
        job.answer.set_result(answer)


def _run(jobs, sizes):
    """Of each job the outputs that it asks for. sizes: that batches are filled up to."""
    first, alone = jobs[0], len(jobs) == 1
    joined = first.inputs if alone else {k: np.concatenate([j.inputs[k] for j in jobs]) for k in first.inputs}
    outputs = _filled_up(first, joined, sizes)
    if not alone and any(v.ndim == 0 or len(v) != sum(j.size for j in jobs) for v in outputs.values()):
        raise ValueError("an output has no batch axis")
    answers, start = [], 0
    for job in jobs:
        rows = slice(start, start + job.size)
        answers.append({k: outputs[k] if alone else outputs[k][rows] for k in job.output_filter or outputs})
        start += job.size
    return answers


def _filled_up(job, inputs, sizes):
    """The graph's outputs of inputs, to which the first example is added until the batch is one of `sizes`."""
    size = _size(inputs)
    wanted = next((n for n in sizes if size and n >= size), size)
    if wanted != size:
        more = {k: np.concatenate([v, np.repeat(v[:1], wanted - size, 0)]) for k, v in inputs.items()}
        outputs = job.servable.run(more, job.signature)
        if all(v.ndim and len(v) == wanted for v in outputs.values()):
            return {k: v[:size] for k, v in outputs.items()}
    return job.servable.run(inputs, job.signature)  # also of outputs without batch axis, which others would change


def _size(inputs):
    """Examples in a request, or None where inputs have no batch axis in common."""
    sizes = {value.shape[0] if value.ndim else None for value in inputs.values()}
    return sizes.pop() if len(sizes) == 1 and 0 not in sizes else None


def _key(servable, inputs, signature):
    """What requests must have in common to be computed as one batch: servable, signature, shapes and dtypes."""
    return id(servable), signature, tuple(sorted((k, v.shape[1:], v.dtype.str) for k, v in inputs.items()))
