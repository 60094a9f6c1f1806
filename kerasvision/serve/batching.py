"""Requests that wait at the same time are answered as one batch; beyond a bound nothing waits.

Adaptive as in "Clipper: A Low-Latency Online Prediction Serving System" (Crankshaw et al. 2017, NSDI, section 4.3), in
its simplest form: a worker that has finished takes whatever has come meanwhile. So a lone request never waits for
company, and batches grow with the load.
"""

import collections
import concurrent.futures
import dataclasses
import threading
import time

import numpy as np

from kerasvision.serve.status import Code, ServingError


@dataclasses.dataclass(frozen=True)
class Limits:
    """largest: examples of one batch. bound: examples that may wait; a request that would exceed it is refused at once.
    workers: threads, each of which computes a batch at a time. deadline: seconds from a request to its outputs.
    """

    largest: int = 32
    bound: int = 256
    workers: int = 2
    deadline: float = 30.0


@dataclasses.dataclass
class _Job:
    servable: object
    signature: str
    inputs: dict
    size: int
    key: object
    expires: float
    output_filter: tuple = ()
    answer: concurrent.futures.Future = dataclasses.field(default_factory=concurrent.futures.Future)


class Batching:
    """The queue of requests and the threads that compute it, in batches; the module says how.

    seen: called with the number of examples of each batch. clock: a function that gives seconds.
    """

    def __init__(self, limits=Limits(), seen=lambda size: None, clock=time.monotonic):
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

    def submit(self, servable, inputs, signature="", output_filter=(), seconds=None):
        """A concurrent Future of the outputs, name -> numpy array.

        servable: of the version. inputs: name -> numpy array. signature, output_filter: as in `answering.Predictor`.
        seconds: how long the client waits, if that is less than the deadline; a request that has waited longer is not
        computed. Raises ServingError at once where names or types are wrong (INVALID_ARGUMENT), where the queue is full
        (RESOURCE_EXHAUSTED) or ends (UNAVAILABLE).
        """
        ready = servable.checked(inputs, signature, output_filter)
        size, key = _size(ready), _key(servable, ready, signature)
        expires = self._clock() + self._patience(seconds)
        job = _Job(servable, signature, ready, size or 1, key if size else object(), expires, tuple(output_filter))
        with self._lock:
            if self._ends:
                raise ServingError(Code.UNAVAILABLE, "the server is ending; ask another one")
            if self._queue and self._waiting + job.size > self.limits.bound:
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
            _answer(jobs, self._seen)

    def _next(self):
        """The longest waiting job and those that can join it; None at the end, when there is nothing left to do."""
        with self._lock:
            while True:
                self._lock.wait_for(lambda: self._queue or self._ends)
                if not self._queue:
                    return None
                first = self._queue.popleft()
                if self._is_taken(first):
                    return [first, *self._company(first)]

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
        if not job.answer.set_running_or_notify_cancel():
            return False
        if self._clock() >= job.expires:
            job.answer.set_exception(self.too_late())
            return False
        return True


def _answer(jobs, seen):
    """Run the jobs as one batch. If that fails each runs alone, so that one bad image spoils nobody else's answer."""
    try:
        answers = _run(jobs)
        seen(sum(job.size for job in jobs))
    except Exception as error:
        if len(jobs) == 1:
            jobs[0].answer.set_exception(error)
            return
        for job in jobs:
            _answer([job], seen)
        return
    for job, answer in zip(jobs, answers, strict=True):
        job.answer.set_result(answer)


def _run(jobs):
    """Of each job the outputs that it asks for."""
    first, alone = jobs[0], len(jobs) == 1
    joined = first.inputs if alone else {k: np.concatenate([j.inputs[k] for j in jobs]) for k in first.inputs}
    outputs = first.servable.run(joined, first.signature)
    if not alone and any(v.ndim == 0 or len(v) != sum(j.size for j in jobs) for v in outputs.values()):
        raise ValueError("an output has no batch axis")
    answers, start = [], 0
    for job in jobs:
        rows = slice(start, start + job.size)
        answers.append({k: outputs[k] if alone else outputs[k][rows] for k in job.output_filter or outputs})
        start += job.size
    return answers


def _size(inputs):
    """Examples in a request, or None where inputs have no batch axis in common."""
    sizes = {value.shape[0] if value.ndim else None for value in inputs.values()}
    return sizes.pop() if len(sizes) == 1 and 0 not in sizes else None


def _key(servable, inputs, signature):
    """What requests must have in common to be computed as one batch: servable, signature, shapes and dtypes."""
    return id(servable), signature, tuple(sorted((k, v.shape[1:], v.dtype.str) for k, v in inputs.items()))
