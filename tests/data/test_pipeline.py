"""The stream of examples: its order, seeds, shards, restarts, windows and last batch."""

import dataclasses
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create, sources
from kerasvision.data.augment.base import BatchAugmentation
from kerasvision.data.pipeline import (
    augmented,
    evaluation_data,
    raw_examples,
    thinned,
    training_data,
    with_validation,
)
from kerasvision.data.sampling import repeated
from kerasvision.data.sources.base import Opened, Split

ARCH = create("classification/classifier", num_classes=10, image_size=(8, 8))
SGD = create("optimizers/sgd")


@pytest.fixture(scope="module")
def opened():
    return create("sources/digits").open()


def _stream(split, steps, *augment, **options):
    phase = Phase(epochs=1, optimizer=SGD, augment=augment)
    options = {"batch_size": 16, "seed": 3} | options
    batches = training_data(split, ARCH, phase, **options).take(steps).as_numpy_iterator()
    return np.concatenate(
        [np.concatenate([x["image"].reshape(len(x["image"]), -1), y["logits"]], 1) for x, y in batches]
    )


def test_same_seed_same_stream_and_another_seed_another(opened):
    flip = create("augmentations/geometric/rotation")
    first = _stream(opened.splits["train"], 5, flip)
    np.testing.assert_array_equal(first, _stream(opened.splits["train"], 5, flip))
    assert not np.array_equal(first, _stream(opened.splits["train"], 5, flip, seed=4))


def test_an_epoch_holds_every_example_once_and_the_next_is_in_another_order(opened):
    split = dataclasses.replace(opened.splits["test"], records=opened.splits["test"].records.take(64), size=64)
    rows = _stream(split, 8)
    first, second = rows[:64], rows[64:]
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(np.unique(first, axis=0), np.unique(second, axis=0))
    original = np.stack([r["image"].reshape(-1) for r in split.records.as_numpy_iterator()])
    pixels = np.round(first[:, : original.shape[1]] * 127.5 + 127.5)
    np.testing.assert_array_equal(np.unique(pixels, axis=0), np.unique(original.astype(float), axis=0))


def test_a_restart_goes_on_where_the_stream_was(opened):
    turn = create("augmentations/geometric/rotation")
    whole = _stream(opened.splits["train"], 100, turn)  # past the end of the first epoch
    np.testing.assert_array_equal(_stream(opened.splits["train"], 10, turn, start_step=90), whole[90 * 16 :])


@pytest.mark.parametrize("worker", [0, 1, 2])
def test_each_of_several_workers_goes_on_where_its_stream_was(opened, worker):
    turn, split = create("augmentations/geometric/rotation"), opened.splits["train"]
    options = {"batch_size": 4, "shard": (worker, 3)}
    whole = _stream(split, 130, turn, **options)  # past the end of the first epoch
    np.testing.assert_array_equal(_stream(split, 10, turn, start_step=120, **options), whole[120 * 4 :])


def test_workers_share_the_stream_of_one(opened):
    whole = _stream(opened.splits["train"], 6)
    parts = [_stream(opened.splits["train"], 6, batch_size=8, shard=(w, 2)) for w in (0, 1)]
    for step in range(6):
        together = np.concatenate([p[step * 8 : step * 8 + 8] for p in parts])
        np.testing.assert_array_equal(np.unique(together, axis=0), np.unique(whole[step * 16 : step * 16 + 16], axis=0))


def test_cached_samples_are_the_same_samples(opened):
    zoom = create("augmentations/geometric/zoom")
    np.testing.assert_array_equal(
        _stream(opened.splits["train"], 4, zoom), _stream(opened.splits["train"], 4, zoom, cache=True)
    )


def test_evaluation_keeps_order_and_the_smaller_last_batch(opened):
    split = opened.splits["test"]
    labels = [ground_truth["label"].numpy() for _, _, ground_truth in evaluation_data(split, ARCH, batch_size=100)]
    assert [len(batch) for batch in labels] == [100, 100, 100, split.size - 300]
    np.testing.assert_array_equal(np.concatenate(labels), [r["label"] for r in split.records.as_numpy_iterator()])


def test_raw_examples_are_batched_while_their_shapes_are_equal():
    shapes = [(5, 6), (5, 6), (5, 6), (7, 6), (5, 6)]
    records = tf.data.Dataset.range(len(shapes))
    sizes = tf.constant(shapes)

    def read(i):
        image = tf.zeros(tf.concat([sizes[i], [3]], 0), tf.uint8)
        return {"image": image, "label": tf.cast(i, tf.int32), "path": tf.strings.join(["p", tf.strings.as_string(i)])}

    rows = list(raw_examples(Split(records, read, 5), ARCH, batch_size=2))
    assert [x["image"].shape[:3] for x, _, _ in rows] == [(2, 5, 6), (1, 5, 6), (1, 7, 6), (1, 5, 6)]
    assert [n for _, _, names in rows for n in names] == ["p0", "p1", "p2", "p3", "p4"]


def test_validation_is_held_out_evenly_and_never_trained_on(opened):
    source = Opened(opened.classes, {"train": opened.splits["train"]})
    splits = with_validation(source, 0.2)
    rows = {k: [r["image"].tobytes() for r in s.records.as_numpy_iterator()] for k, s in splits.items()}
    assert {k: len(v) for k, v in rows.items()} == {k: s.size for k, s in splits.items()}
    every = [r["image"].tobytes() for r in opened.splits["train"].records.as_numpy_iterator()]
    assert len(rows["validation"]) == len(every) // 5
    assert sorted(rows["train"] + rows["validation"]) == sorted(every)
    with pytest.raises(KerasVisionError, match="too few"):
        with_validation(Opened(("a",), {"train": dataclasses.replace(opened.splits["train"], size=3)}), 0.1)


def test_only_the_window_is_decoded_and_it_is_the_window_of_the_whole():
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    pixels = np.asarray(Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((96, 64)))
    Image.fromarray(pixels).save(buffer, "PNG")
    crop = create("augmentations/geometric/random_resized_crop")
    jitter = create("augmentations/photometric/color_jitter")
    for seed in ([1, 2], [3, 4], [5, 6]):
        encoded = {"image_bytes": tf.constant(buffer.getvalue()), "label": tf.constant(1)}
        decoded = {"image": tf.constant(pixels), "label": tf.constant(1)}
        results = [
            augmented(sample, [crop, jitter], tf.constant(seed), lambda s: ARCH.prepare_sample(s)[2])
            for sample in (encoded, decoded)
        ]
        np.testing.assert_array_equal(results[0]["image"], results[1]["image"])
        assert results[0]["image"].shape == (8, 8, 3)
        assert results[0]["cropped"]


def test_batch_augmentations_see_targets_and_differ_from_step_to_step(opened):
    rows = _stream(opened.splits["train"], 3, create("augmentations/batch/mixup"))
    targets = rows[:, -10:]
    np.testing.assert_allclose(targets.sum(1), 1, atol=1e-6)
    assert ((targets > 0.01).sum(1) == 2).any()
    assert len(np.unique(targets.round(4), axis=0)) > 20


@dataclasses.dataclass(frozen=True)
class TellSeed(BatchAugmentation):
    """Writes the seed that it gets beside the targets."""

    able = ("probabilities",)

    key: str

    def __call__(self, inputs, targets, seed, mixes):
        return inputs, targets | {self.key: tf.tile(seed[None], [tf.shape(inputs["image"])[0], 1])}


def told_seeds(split, shard, seed=3, **options):
    """{(step, part): seed} of a worker's first steps, two parts a batch."""
    phase = Phase(epochs=1, optimizer=SGD, augment=(TellSeed("first"), TellSeed("second")))
    data = training_data(split, ARCH, phase, batch_size=4, seed=seed, shard=shard, **options)
    rows = enumerate(data.take(5).as_numpy_iterator(), start=options.get("start_step", 0))
    found = {}
    for step, (_, targets) in rows:
        for part in ("first", "second"):
            assert len(np.unique(targets[part], axis=0)) == 1, "a batch has one seed"
            found[step, part] = tuple(targets[part][0].tolist())
    return found


def test_no_two_batches_draw_alike(opened):
    """Of other workers, steps, parts and recipes: else two workers would mix their batches by the same draws."""
    split, seeds = opened.splits["train"], {}
    for recipe_seed in (3, 4):
        for workers in (1, 2, 3):
            for worker in range(workers):
                told = told_seeds(split, (worker, workers), recipe_seed)
                seeds |= {(recipe_seed, worker, *k): v for k, v in told.items()}  # of one worker as of many
    assert len(seeds) == 2 * 3 * 5 * 2
    assert len(set(seeds.values())) == len(seeds)
    later = told_seeds(split, (1, 2), start_step=3)
    assert later[3, "first"] == seeds[3, 1, 3, "first"] and later[4, "second"] == seeds[3, 1, 4, "second"]


def test_data_of_another_task_is_one_clear_line(opened):
    detector = create("detection/retinanet", num_classes=10)
    phase = Phase(epochs=1, optimizer=SGD)
    for read in (
        lambda split: training_data(split, detector, phase, batch_size=4, seed=0),
        lambda split: evaluation_data(split, detector, batch_size=4),
        lambda split: list(raw_examples(split, detector)),
    ):
        with pytest.raises(KerasVisionError) as raised:
            read(opened.splits["train"])
        assert "detection/retinanet needs 'boxes_xyxy', 'labels', and a sample of this data has image, label" in str(
            raised.value
        )
        assert "coco, voc, yolo" in str(raised.value)


@pytest.mark.parametrize("groups", [12, 30])
def test_validation_is_held_out_by_whole_groups(tmp_path, groups):
    """Twelve patients with pictures that are alike: none of them judges the epochs that it was trained in."""
    rng = np.random.default_rng(groups)
    rows = ["file,label,group"]
    for number in range(120):
        name = f"{number:03d}.png"
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(tmp_path / name)
        rows.append(f"{name},{'ab'[number % groups % 2]},p{number % groups}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    source = sources["manifest"](path=str(tmp_path / "list.csv"), validation_fraction=0.0, test_fraction=0.0)
    found = with_validation(source.open(), 0.2)
    numbers = {
        name: [int(r["path"].decode()[-7:-4]) for r in split.records.as_numpy_iterator()]
        for name, split in found.items()
    }
    assert {n: s.size for n, s in found.items()} == {n: len(held) for n, held in numbers.items()}
    assert {n: (len(s.groups), len(s.strata)) for n, s in found.items()} == {
        n: (len(h),) * 2 for n, h in numbers.items()
    }
    assert sorted(numbers["train"] + numbers["validation"]) == list(range(120))
    assert not {n % groups for n in numbers["train"]} & {n % groups for n in numbers["validation"]}
    assert abs(len(numbers["validation"]) - 24) <= 120 // groups
    assert {n % groups % 2 for n in numbers["validation"]} == {0, 1}
    small = thinned(found["train"], 10)
    assert small.size == len(small.groups) == sum(1 for _ in small.records)


def test_groups_of_one_are_held_out_as_without(tmp_path, fill):
    fill(tmp_path, 20, 1)
    paths = {}
    for header, more in (("file,label", ""), ("file,label,group", ",{}")):
        rows = [f"{n:02d}.png,{'ab'[n % 2]}{more.format(n)}" for n in range(20)]
        (tmp_path / "list.csv").write_text("\n".join([header, *rows]))
        source = sources["manifest"](path=str(tmp_path / "list.csv"), validation_fraction=0.0, test_fraction=0.0)
        held = with_validation(source.open(), 0.2)["validation"]
        paths[header] = [r["path"].decode()[-6:] for r in held.records.as_numpy_iterator()]
    assert paths["file,label"] == paths["file,label,group"] == ["04.png", "09.png", "14.png", "19.png"]


def test_one_group_cannot_be_parted(opened):
    train = dataclasses.replace(opened.splits["train"], groups=(7,) * opened.splits["train"].size)
    with pytest.raises(KerasVisionError, match="in 1 groups that must not part"):
        with_validation(Opened(opened.classes, {"train": train}), 0.2)


def test_repeated_records_keep_their_groups():
    records = tf.data.Dataset.range(4)
    split = Split(records, lambda i: {"label": tf.cast(i, tf.int32)}, 4, groups=(0, 0, 1, 2), strata=(5, 5, 6, 7))
    again = repeated(split, np.array([2, 0, 1, 0]))
    assert (again.groups, again.strata) == ((0, 0, 1), (5, 5, 6))
    assert list(again.records.as_numpy_iterator()) == [0, 0, 2]
