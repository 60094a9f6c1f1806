"""Processor time of an epoch of words, and of lines of any length, with and without `techniques/width_buckets`.

pytest -m benchmark -n 0 -s tests/benchmarks/test_width_buckets.py
"""

import time
import types

import pytest
import tf_keras as keras

from kerasvision.core.registry import create
from kerasvision.data.pipeline import training_data
from kerasvision.train.learner import Learner

pytestmark = pytest.mark.benchmark
LINES, BATCH, SIZE = 256, 32, (32, 320)


def seconds(split, classes, padding, techniques):
    """(processor time of a third epoch; the first one draws lines and traces; its loss)."""
    keras.utils.set_random_seed(0)
    arch = create("text_recognition/conv", image_size=SIZE, padding=padding, dropout=0.0).for_classes(classes)
    techniques = tuple(create(f"techniques/{name}").fit_statistics(arch, split) for name in techniques)
    phase = types.SimpleNamespace(augment=(), techniques=techniques)
    data = training_data(split, arch, phase, batch_size=BATCH, seed=0, cache=True)
    learner = Learner(arch.build(), arch.loss)
    learner.compile(optimizer=keras.optimizers.Adam(1e-3))
    at = [time.process_time()]
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: at.append(time.process_time()))
    told = learner.fit(data, epochs=3, steps_per_epoch=LINES // BATCH, verbose=0, callbacks=[watch]).history["loss"]
    return at[-1] - at[-2], told[-1]


@pytest.mark.parametrize("length", [(2, 8), (2, 24)])
def test_time_of_an_epoch(length):
    opened = create("sources/rendered_text", lines=(LINES, 0, 0), length=length).open()
    split, classes = opened.splits["train"], opened.classes
    rows = {
        "padding seen": seconds(split, classes, "seen", ()),
        "padding unseen": seconds(split, classes, "unseen", ()),
        "padding unseen, width_buckets": seconds(split, classes, "unseen", ("width_buckets",)),
    }
    for name, (spent, loss) in rows.items():
        print(f"{length} characters, {name}: {spent:.2f} s of processor time an epoch of {LINES}, loss {loss:.2f}")
    assert rows["padding unseen, width_buckets"][0] < rows["padding unseen"][0]
