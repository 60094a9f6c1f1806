"""Batches that form under load, what one bad request costs the others, and what is refused when too many wait.

No clock decides: who must wait stands before a closed gate, and what must not come waits for ever.
"""

import concurrent.futures
import itertools
import threading
import time

import numpy as np
import pytest

from kerasvision.serve.batching import Batching
from kerasvision.serve.limits import Limits
from kerasvision.serve.status import Code, ServingError, invalid


class Gated:
    """A servable that doubles x once its gate is open; x below 0 is refused. sizes: of the batches that it has seen.
    begun: how many examples have come to the gate.
    """

    name, version = "slow", 1

    def __init__(self):
        self.sizes, self.begun, self.gate = [], 0, threading.Event()
        self.gate.set()

    def checked(self, inputs, signature, output_filter):
        return inputs

    def run(self, inputs, signature):
        self.begun += len(inputs["x"])
        self.gate.wait()
        self.sizes.append(len(inputs["x"]))
        if (inputs["x"] < 0).any():
            raise invalid("x is below 0")
        return {"y": 2 * inputs["x"]}


@pytest.fixture
def engine():
    made = []

    def make(clock=time.monotonic, seen=lambda *of: None, **limits):
        made.append(Batching(Limits(**{"workers": 1, "deadline": 3600.0} | limits), seen, clock))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def waiting_for(engine, count):
    while engine.waiting != count:
        time.sleep(0.001)


def asked_at_once(engine, servable, rows):
    """The gate opens when all have asked."""
    servable.gate.clear()
    with concurrent.futures.ThreadPoolExecutor(len(rows)) as pool:
        futures = [pool.submit(engine.predict, servable, {"x": np.array(row)}) for row in rows]
        while engine.waiting + servable.begun < sum(map(len, rows)):
            time.sleep(0.001)
        servable.gate.set()
        return [f.exception() or f.result()["y"].tolist() for f in futures]


def test_what_waits_together_is_one_batch_and_everybody_gets_their_own(engine):
    servable, one = Gated(), engine(largest=8)
    rows = [[float(i)] * (1 + i % 3) for i in range(12)]
    assert asked_at_once(one, servable, rows) == [[2 * v for v in row] for row in rows]
    assert max(servable.sizes) <= 8 and len(servable.sizes) < 6 and sum(servable.sizes) == sum(map(len, rows))


def test_a_lone_request_does_not_wait_for_company(engine):
    """The clock goes on by a second whenever somebody looks: as a request comes, and as it is taken."""
    servable, ticks, told = Gated(), itertools.count(), []
    one = engine(lambda: next(ticks), lambda what, of, number: told.append((what, number)), largest=64)
    for _ in range(20):
        one.predict(servable, {"x": np.ones(1)})
    one.stop()
    assert servable.sizes == [1] * 20 and told == [("waited", 1), ("batch", 1)] * 20


def test_other_shapes_and_other_models_are_other_batches(engine):
    a, b, one = Gated(), Gated(), engine(largest=64)
    a.gate.clear()
    shapes = [(1,), (1,), (1, 2), (1, 2)]
    futures = [one.submit(s, {"x": np.ones(shape)}) for s in (a, b) for shape in shapes]
    a.gate.set()
    assert [f.result()["y"].shape for f in futures] == shapes * 2
    assert sum(a.sizes) == sum(b.sizes) == 4


def test_one_bad_request_spoils_nobody_else_s_answer(engine):
    servable, one = Gated(), engine(largest=8)
    answers = asked_at_once(one, servable, [[1.0], [2.0], [-1.0], [3.0]])
    assert [a for a in answers if not isinstance(a, Exception)] == [[2.0], [4.0], [6.0]]
    assert isinstance(answers[2], ServingError) and str(answers[2]) == "x is below 0"


def test_beyond_the_bound_a_request_is_refused_at_once_and_nothing_is_lost(engine):
    servable, one = Gated(), engine(largest=4, bound=8)
    servable.gate.clear()
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        futures = [pool.submit(one.predict, servable, {"x": np.ones(1)}) for _ in range(40)]
        while sum(f.done() for f in futures) < 28:  # 8 wait, and 4 at most have been taken
            time.sleep(0.001)
        assert one.waiting <= 8
        servable.gate.set()
        results = [f.exception() or f.result() for f in futures]
    errors = [r for r in results if isinstance(r, Exception)]
    assert len(errors) >= 28 and {e.code for e in errors} == {Code.RESOURCE_EXHAUSTED}
    assert "examples are waiting, and 8 may" in str(errors[0])
    assert len(results) - len(errors) == sum(servable.sizes)


def test_a_deadline_ends_the_wait_and_the_request_is_not_run(engine):
    servable, one = Gated(), engine(Clock(), deadline=0.1)  # the server's clock stands, so that only the client is late
    servable.gate.clear()
    held = one.submit(servable, {"x": np.zeros(1)})
    waiting_for(one, 0)
    with pytest.raises(ServingError) as late:
        one.predict(servable, {"x": np.ones(1)})
    assert late.value.code is Code.DEADLINE_EXCEEDED
    servable.gate.set()
    one.stop()
    assert held.result()["y"].tolist() == [0.0] and servable.sizes == [1]


class Clock:
    """Stands still until it is set."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(("now", "seen"), [(4.999, [1, 4]), (5.0, [1, 2]), (9.999, [1, 2]), (10.0, [1])])
def test_what_has_waited_too_long_is_not_computed_alone_or_in_company(engine, now, seen):
    """Two that may wait 5 seconds and two that may wait 10 stand behind one that is being run; nobody cancels."""
    clock, servable = Clock(), Gated()
    one = engine(clock, deadline=10.0, largest=8)
    servable.gate.clear()
    first = one.submit(servable, {"x": np.zeros(1)})
    waiting_for(one, 0)
    patience = [5.0, None, 5.0, 60.0]  # no client waits longer than the server's own deadline
    later = [one.submit(servable, {"x": np.full(1, i)}, seconds=seconds) for i, seconds in enumerate(patience)]
    clock.now = now
    servable.gate.set()
    found = [f.exception() or f.result()["y"].tolist() for f in later]
    assert first.result()["y"].tolist() == [0.0] and one.waiting == 0
    assert servable.sizes == seen
    for number, answer in enumerate(found):
        if now < (5.0, 10.0)[number % 2]:
            assert answer == [2.0 * number]
        else:
            assert answer.code is Code.DEADLINE_EXCEEDED
    again = one.submit(servable, {"x": np.ones(1)})  # a worker that found nothing worth its time works on
    assert again.result()["y"].tolist() == [2.0]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_queue_of_nothing_but_those_who_have_gone_ends_no_worker(engine, workers):
    servable, one = Gated(), engine(workers=workers)
    for number in range(3 * workers):
        servable.gate.clear()
        held = [one.submit(servable, {"x": np.zeros(1)}) for _ in range(workers)]
        waiting_for(one, 0)
        gone = one.submit(servable, {"x": np.zeros((1, number + 2))})
        assert gone.cancel()
        servable.gate.set()
        for answer in held:
            answer.result()
    assert one.submit(servable, {"x": np.ones(1)}).result()["y"].tolist() == [2.0]
    assert all(worker.is_alive() for worker in one._workers)


def test_outputs_are_those_that_each_request_asks_for(engine):
    class Two(Gated):
        def run(self, inputs, signature):
            return super().run(inputs, signature) | {"z": inputs["x"] + 1}

    servable, one = Two(), engine(largest=8)
    servable.gate.clear()
    first = one.submit(servable, {"x": np.zeros(1)}, output_filter=("z",))
    waiting_for(one, 0)
    asked = [one.submit(servable, {"x": np.ones(1)}, output_filter=names) for names in ((), ("y",), ("z",))]
    servable.gate.set()
    assert list(first.result()) == ["z"]
    assert [sorted(f.result()) for f in asked] == [["y", "z"], ["y"], ["z"]]
    assert servable.sizes == [1, 3]


def test_what_has_no_batch_axis_is_answered_alone(engine):
    class Total(Gated):
        def run(self, inputs, signature):
            return {"y": inputs["x"].sum() + np.zeros(())}

    one = engine()
    assert one.predict(Total(), {"x": np.ones(3)})["y"] == 3.0
    assert one.predict(Total(), {"x": np.float64(2)})["y"] == 2.0


@pytest.mark.parametrize("filled", [False, True])
def test_a_request_waits_for_its_batch_until_it_is_full_or_the_time_is_over(engine, filled):
    """A batch of three that may form for 5 seconds on a clock that stands: nothing is run before one of both is so."""
    clock, servable = Clock(), Gated()
    one = engine(clock, wait=5.0, largest=3)
    asked = [one.submit(servable, {"x": np.full(1, float(i))}) for i in range(2)]
    clock.now = 4.99
    other = one.submit(servable, {"x": np.zeros((1, 2))})  # of another shape: it fills no batch of theirs
    time.sleep(0.05)
    assert one.waiting == 3 and servable.sizes == []
    if not filled:
        clock.now = 5.0
    asked.append(one.submit(servable, {"x": np.full(1, 2.0)}))
    assert [f.result()["y"].tolist() for f in asked] == [[0.0], [2.0], [4.0]]
    assert servable.sizes == [3] and not other.done() and one.waiting == 1
    assert one.queued() == {("slow", 1): 1}
    clock.now = 9.99
    one.submit(servable, {"x": np.zeros((1, 2))})  # wakes the worker, which looks at the clock
    assert other.result()["y"].shape == (1, 2)


def test_no_request_waits_for_company_beyond_its_own_time(engine):
    clock, servable, told = Clock(), Gated(), []
    one = engine(clock, lambda what, of, number: told.append((what, of, number)), wait=5.0, deadline=10.0)
    short = one.submit(servable, {"x": np.zeros(1)}, seconds=2.0)
    clock.now = 2.0
    late = one.submit(servable, {"x": np.zeros((1, 2))})
    assert short.exception().code is Code.DEADLINE_EXCEEDED
    assert told == [("expired", servable, 1)] and not late.done()


def test_what_is_seen_of_the_queue(engine):
    clock, servable, told = Clock(), Gated(), []
    one = engine(clock, lambda what, of, number: told.append((what, number)), largest=4, bound=4)
    servable.gate.clear()
    first = one.submit(servable, {"x": np.zeros(1)})
    waiting_for(one, 0)
    asked = [one.submit(servable, {"x": np.zeros(2)}) for _ in range(2)]
    with pytest.raises(ServingError, match="4 examples are waiting, and 4 may"):
        one.submit(servable, {"x": np.zeros(1)})
    assert one.queued() == {("slow", 1): 4}
    clock.now = 1.5
    servable.gate.set()
    for answer in (first, *asked):
        answer.result()
    one.stop()
    assert told == [("waited", 0.0), ("refused", 1), ("batch", 1), ("waited", 1.5), ("waited", 1.5), ("batch", 4)]


@pytest.mark.parametrize(("examples", "run"), [(1, 1), (2, 4), (4, 4), (5, 8), (8, 8), (9, 9)])
def test_a_batch_is_filled_up_to_an_allowed_size_and_nobody_sees_it(engine, examples, run):
    servable, told = Gated(), []
    one = engine(seen=lambda what, of, number: told.append((what, number)), largest=8, sizes=(1, 4, 8))
    answer = one.predict(servable, {"x": np.arange(float(examples))})
    assert answer["y"].tolist() == [2.0 * i for i in range(examples)]
    assert servable.sizes == [run]
    one.stop()
    assert ("batch", examples) in told


def test_an_output_without_batch_axis_is_not_changed_by_filling_up(engine):
    class Total(Gated):
        def run(self, inputs, signature):
            return {"y": inputs["x"].sum() + np.zeros(())}

    assert engine(largest=8, sizes=(8,)).predict(Total(), {"x": np.ones(3)})["y"] == 3.0
