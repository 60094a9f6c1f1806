"""Partners of examples: who comes together, in which order parts are applied, and that it can be repeated."""

import collections
import dataclasses
import typing

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.data.augment.base import Augmentation, Canvas, Combination
from kerasvision.data.partners import canvas_of, combined, example_stream, partner_count
from kerasvision.data.pipeline import training_data
from kerasvision.data.sources.base import Split


@dataclasses.dataclass(frozen=True)
class Note(Augmentation):
    """Notes its seed."""

    def __call__(self, sample, seed):
        return sample | {"seeds": tf.concat([sample["seeds"], seed[None]], 0)}


@dataclasses.dataclass(frozen=True)
class Pair(Combination):
    """Lays the notes of two samples one after the other."""

    probability: float = 1.0
    count: typing.ClassVar[int] = 1

    def __call__(self, sample, partners, seed, canvas):
        return {k: tf.concat([v, *(p[k] for p in partners)], 0) for k, v in sample.items()}


class Three(Pair):
    count: typing.ClassVar[int] = 2


def alone(sample, numbered, seed):
    for number, part in numbered:
        sample = part(sample, tf.random.experimental.stateless_fold_in(seed, number))
    return sample


def run(parts):
    asked = []

    def read(i):
        asked.append(i)
        return {"ids": tf.constant([i]), "seeds": tf.zeros([0, 2], tf.int32)}

    reads = [lambda i=i: read(i) for i in range(1 + partner_count(parts))]
    sample = combined(reads, list(enumerate(parts)), tf.constant([1, 2]), Canvas((8, 8)), alone)
    return sample["ids"].numpy().tolist(), [tuple(s) for s in sample["seeds"].numpy()], asked


def test_each_partner_goes_through_what_stands_before_with_seeds_of_its_own():
    ids, seeds, _ = run([Note(), Pair(), Note(), Three(), Note()])
    assert ids == list(range(6))
    # six before the pairs, a note on each of three pairs, one on all
    assert len(seeds) == 10 and len(set(seeds)) == 10
    assert run([Note(), Pair(), Note(), Three(), Note()])[1] == seeds
    plain = run([Note(), Note(), Note()])[1]
    assert run([Note(), Pair(), Note()])[1] == [plain[0], seeds[1], plain[2]]  # an example's own seeds do not change


def test_partners_are_read_only_where_they_are_used():
    assert run([Pair(0.0), Three(0.0)]) == ([0], [], [0])
    assert sorted(run([Pair(0.0), Three(1.0)])[2]) == [0, 2, 4]


RECORDS = tf.data.Dataset.range(10).map(lambda i: {"i": i, "row": tf.range(i), "name": tf.strings.as_string(i)})


def drawn(count, seed, steps):
    data, members = example_stream(RECORDS, count, 10, seed)
    return list(data.map(lambda *e: [get() for get in members(e if len(e) > 1 else e[0])]).take(steps))


def test_every_record_is_a_partner_equally_often_and_whole():
    rows = drawn(3, 4, 20)
    partners = collections.Counter(int(r["i"]) for row in rows for r in row[1:])
    assert partners == dict.fromkeys(range(10), 6)
    assert [int(row[0]["i"]) for row in rows] == [int(row[0]["i"]) for row in drawn(0, 4, 20)]
    for record in (r for row in rows for r in row):
        np.testing.assert_array_equal(record["row"], range(int(record["i"])))
        assert record["name"].numpy().decode() == str(int(record["i"]))
    assert any(len({int(r["i"]) for r in row}) == 4 for row in rows)
    assert [int(r[1]["i"]) for r in rows] != [int(r[0]["i"]) for r in rows]


ARCH = create(
    "detection/retinanet", num_classes=4, image_size=(64, 64), backbone=create("backbones/convnet", blocks=(1,) * 6)
)
# four examples are read for each, and each is flipped: a second combination would trace twice as many
MIX = (
    create("augmentations/geometric/horizontal_flip"),
    create("augmentations/combining/mosaic", probability=0.7),
    create("augmentations/geometric/vertical_flip"),
)


@pytest.fixture(scope="module")
def split():
    """Pictures of several sizes; picture i has i % 3 objects."""

    def read(i):
        number = tf.cast(i, tf.int32)
        hw = tf.stack([40 + 3 * number, 70 - 2 * number])
        count = number % 3
        start = tf.cast(tf.range(count) * 12 + 4, tf.float32)
        boxes = tf.stack([start, start, start + 10, start + 14], 1)
        masks = tf.ones([count, hw[0], hw[1]], tf.uint8)
        image = tf.fill([hw[0], hw[1], 3], tf.cast(10 + 15 * number, tf.uint8))
        return {"image": image, "boxes_xyxy": boxes, "labels": tf.range(count), "instance_masks": masks}

    return Split(tf.data.Dataset.range(13), read, 13)


def stream(split, steps, **options):
    phase = Phase(epochs=1, optimizer=create("optimizers/sgd"), augment=MIX)
    options = {"batch_size": 4, "seed": 3} | options
    batches = training_data(split, ARCH, phase, **options).take(steps).as_numpy_iterator()
    return np.concatenate([x["image"].reshape(len(x["image"]), -1) for x, _ in batches])


@pytest.fixture(scope="module")
def whole(split):
    """Nine batches, past the end of the second epoch."""
    return stream(split, 9)


def test_combined_examples_are_a_function_of_the_seed_and_a_restart_goes_on(split, whole):
    np.testing.assert_array_equal(stream(split, 4, start_step=5), whole[20:])
    colors = [len(np.unique(row)) for row in whole]
    assert min(colors) < 4 < max(colors)  # some are combined, some are not


@pytest.mark.nightly  # of plain examples by day: test_pipeline.py
def test_kept_samples_are_combined_alike_and_another_seed_combines_others(split, whole):
    np.testing.assert_array_equal(stream(split, 9, cache=True), whole)
    assert not np.array_equal(stream(split, 4, seed=4), whole[:16])


def test_workers_share_the_stream_of_one(split, whole):
    parts = [stream(split, 5, batch_size=2, shard=(w, 2)) for w in (0, 1)]
    for step in range(5):
        together = np.concatenate([p[2 * step : 2 * step + 2] for p in parts])
        wanted = whole[4 * step : 4 * step + 4]
        np.testing.assert_array_equal(np.sort(together, axis=0), np.sort(wanted, axis=0))


def test_the_canvas_is_the_graph_s():
    assert canvas_of(ARCH) == Canvas((64, 64), True, averages=True)
    assert canvas_of(dataclasses.replace(ARCH, resize="stretch")) == Canvas((64, 64), False, averages=True)
    assert not canvas_of(dataclasses.replace(ARCH, antialias=False)).averages


def test_after_a_window_every_label_is_in_the_graph_s_pixels():
    """A detector takes no masks, but copy-paste does: what is pasted lies where the partner's objects were."""
    crop = create("augmentations/geometric/random_crop", size_px=(50, 50))
    paste = create("augmentations/combining/copy_paste", probability=1.0, share=1.0, scale=(1.0, 1.0))
    seen = []

    @dataclasses.dataclass(frozen=True)
    class Look(Augmentation):
        def __call__(self, sample, seed):
            tf.py_function(lambda *v: seen.append([x.numpy() for x in v]), list(self.held(sample)), [])
            return sample

        def held(self, sample):
            return (sample[k] for k in ("image", "boxes_xyxy", "labels", "instance_masks", "area_px"))

    def read(i):
        image = np.zeros((70, 90, 3), np.uint8)
        masks = np.zeros((3, 70, 90), np.uint8)
        boxes = np.array([[2, 3, 20, 30], [30, 20, 62, 44], [70, 50, 88, 68]], np.float32)
        for k, (x0, y0, x1, y1) in enumerate(boxes.astype(int)):
            image[y0:y1, x0:x1] = 80 * (k + 1)
            masks[k, y0:y1, x0:x1] = 1
        held = {"image": image, "boxes_xyxy": boxes, "labels": np.arange(3, dtype=np.int32), "instance_masks": masks}
        return {k: tf.constant(v) for k, v in held.items()} | {"area_px": tf.constant([0.0, 1.0, 2.0])}

    split = Split(tf.data.Dataset.range(3), read, 3)
    for parts in ((crop, Look()), (crop, paste, Look())):
        seen.clear()
        phase = Phase(epochs=1, optimizer=create("optimizers/sgd"))
        object.__setattr__(phase, "augment", parts)
        list(training_data(split, ARCH, phase, batch_size=2, seed=1).take(4))
        assert len(seen) >= 8 and sum(len(row[2]) for row in seen) > 8
        for image, boxes, labels, masks, area in seen:
            assert image.shape == (64, 64, 3) and masks.shape[1:] == (64, 64)
            np.testing.assert_array_equal(labels, area)
            for box, label, mask in zip(boxes, labels, masks, strict=True):
                rows, columns = np.nonzero(mask)
                hull = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
                np.testing.assert_allclose(box, hull, atol=1.6)
                inside = np.abs(image[mask > 0].astype(int)[:, 0] - 80 * (label + 1)) < 30
                assert inside.mean() > 0.6  # edges are blended
