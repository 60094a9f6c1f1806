"""Functions in the caller's thread: their values, their errors, and that they wait for no thread of TensorFlow."""

import concurrent.futures
import os
import threading

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.ops.inline import Inline
from tests.waiting import HANG

SPECS = [tf.TensorSpec([], tf.string), tf.TensorSpec([None], tf.int32)]


def described(text, numbers):
    """With a branch, a loop, a string and a comparison by `==`, of which a graph of TensorFlow 1 has another idea."""
    total = tf.reduce_sum(tf.map_fn(lambda n: n * n, numbers))
    said = tf.cond(text == "", lambda: tf.constant("nothing"), lambda: tf.strings.join([text, "!"]))
    tf.debugging.assert_non_negative(total - 10, "too few")
    return {"text": said, "total": total}


def test_it_gives_what_the_function_gives_from_any_thread():
    inline = Inline(described, SPECS)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [(b"" if n % 2 else b"\xff\0", np.arange(n + 4, dtype=np.int32)) for n in range(40)]
        for (text, numbers), given in zip(asked, pool.map(lambda row: inline(*row), asked), strict=True):
            assert given == {"text": b"nothing" if text == b"" else text + b"!", "total": (numbers**2).sum()}
    with pytest.raises(tf.errors.InvalidArgumentError, match="too few"):
        inline(b"", np.int32([1, 2]))


def test_it_waits_for_no_thread_of_tensorflow():
    """All threads of the pool stand still in functions of Python; through the pool the answer would not come."""
    inline, go, taken = Inline(described, SPECS), threading.Event(), threading.Semaphore(0)
    inline(b"", np.int32([4]))
    threads = int(os.environ.get("TF_NUM_INTEROP_THREADS", "0")) or len(os.sched_getaffinity(0))

    def stand_still(number):
        taken.release()
        go.wait(HANG)
        return number

    @tf.function
    def crowd(numbers):
        many = tf.unstack(numbers, 4 * threads + 4)
        return tf.add_n([tf.numpy_function(stand_still, [n], tf.int32, stateful=False) for n in many])

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        try:
            busy = pool.submit(crowd, tf.range(4 * threads + 4))
            for _ in range(threads):
                assert taken.acquire(timeout=HANG)
            asked = pool.submit(inline, b"a", np.int32([5]))
            assert asked.result(HANG) == {"text": b"a!", "total": 25} and not busy.done()
        finally:
            go.set()
        assert int(busy.result(HANG)) == sum(range(4 * threads + 4))
