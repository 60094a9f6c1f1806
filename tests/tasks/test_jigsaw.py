"""Jigsaw puzzles: which orders there are, where tiles go, and what is refused."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.core.errors import UsageError
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.data.pipeline import training_data
from kerasvision.tasks.self_supervised.jigsaw import distant_orders, shuffled


def tiny(**fields):
    backbone = create("backbones/convnet", width=4, blocks=(1, 1))
    return create("self_supervised/jigsaw", **{"image_size": (12, 12), "backbone": backbone, "orders": 8} | fields)


def test_orders_are_those_of_the_papers_algorithm():
    """Against scipy's Hamming distances of all orders of four tiles."""
    from scipy.spatial.distance import cdist

    every = np.array(list(itertools.permutations(range(4))))
    chosen = [0]
    for _ in range(9):
        sums = cdist(every, every[chosen], "hamming").sum(1).round(9)
        chosen.append(next(k for k in np.argsort(-sums, kind="stable") if k not in chosen))
    np.testing.assert_array_equal(distant_orders(4, 10), every[chosen])
    assert len({tuple(order) for order in distant_orders(4, 24)}) == 24
    nine = distant_orders(9, 24)
    assert (np.sort(nine) == np.arange(9)).all() and nine[0].tolist() == list(range(9))
    apart = [(a != b).sum() for a, b in itertools.combinations(nine[:9], 2)]
    assert min(apart) == 9, "nine orders can differ in every place, as rows of a Latin square do"


@pytest.mark.parametrize(("grid", "size"), [(2, (8, 12)), (3, (12, 9))])
def test_without_a_gap_tiles_stand_where_the_order_says(grid, size):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    places = np.random.default_rng(1).permutation(grid**2)
    found = shuffled(tf.constant(picture), grid, tf.constant(places), 0.0, tf.constant([0, 0])).numpy()
    h, w = size[0] // grid, size[1] // grid

    def tile(image, k):
        return image[h * (k // grid) : h * (k // grid + 1), w * (k % grid) : w * (k % grid + 1)]

    for k, source in enumerate(places):
        np.testing.assert_array_equal(tile(found, k), tile(picture, source))


def test_a_gap_takes_what_is_at_the_edge_of_a_tile_away():
    """Each pixel says in which tile it stands, and its neighbors' values are never seen in another place."""
    rows = np.repeat(np.arange(3), 10)
    picture = np.repeat((40 * rows[:, None] + 80 * rows[None])[..., None], 3, -1).astype(np.uint8)
    held = [shuffled(tf.constant(picture), 3, tf.range(9), 0.4, tf.constant([seed, 0])).numpy() for seed in range(3)]
    for found in held:
        np.testing.assert_array_equal(found, picture)  # flat tiles, in their places
    ramp = np.broadcast_to(np.arange(30)[None, :, None] * 8, (30, 30, 3)).astype(np.uint8)
    first, other = (shuffled(tf.constant(ramp), 3, tf.range(9), 0.4, tf.constant([s, 0])).numpy() for s in (0, 1))
    assert (first != other).any(), "the crop of a tile is always the same"
    assert first.shape == (30, 30, 3) and shuffled(tf.constant(ramp[:29]), 3, tf.range(9), 0.4, [0, 0]).shape[0] == 29


def test_the_target_is_the_order_that_the_picture_is_in():
    picture = np.kron(np.arange(9).reshape(3, 3), np.ones((4, 4)))[..., None].repeat(3, -1).astype(np.uint8) * 25
    arch, seen = tiny(gap=0.0), set()
    for seed in range(20):
        prepared, targets = arch.example({"image": tf.constant(picture), "seed": tf.constant([seed, 3])})
        tiles = prepared["image"].numpy()[::4, ::4, 0].ravel() // 25
        np.testing.assert_array_equal(tiles, distant_orders(9, 8)[int(targets["order"])])
        seen.add(int(targets["order"]))
    assert len(seen) > 4
    assert int(arch.encode({"image": tf.constant(picture)})["order"]) == 0


def test_training_sees_puzzles(tmp_path):
    """Of pictures whose nine tiles are flat, each of a value of its own, the order can be read off the batch."""
    values = np.kron(np.arange(9).reshape(3, 3), np.ones((4, 4)))[..., None].repeat(3, -1).astype(np.uint8) * 25
    for number in range(8):
        Image.fromarray(values + np.uint8(number)).save(tmp_path / f"{number}.png")
    split = create("sources/pictures", path=str(tmp_path), validation_fraction=0.0).open().splits["train"]
    arch = tiny()
    data = training_data(split, arch, Phase(1, create("optimizers/adamw"), (), ()), batch_size=8, seed=0)
    inputs, targets = next(iter(data))
    pixels = np.rint(inputs["image"].numpy() * 127.5 + 127.5)
    tiles = pixels[:, ::4, ::4, 0].reshape(8, 9) // 25
    np.testing.assert_array_equal(tiles, distant_orders(9, 8)[targets["order"].numpy()])
    assert len(set(targets["order"].numpy().tolist())) > 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"orders": 1}, "model.orders=1; allowed: 2 to 362880"),
        ({"orders": 25, "grid": 2}, "model.orders=25; allowed: 2 to 24, of 2 x 2 tiles"),
        ({"gap": 1.0}, "model.gap=1; allowed: 0 to less than 1"),
        ({"image_size": (5, 12)}, "no two pixels"),
    ],
)
def test_no_puzzle_is_refused(fields, said):
    with pytest.raises(UsageError, match=said):
        tiny(**fields)


def test_a_level_smaller_than_the_tiles_is_refused():
    with pytest.raises(UsageError, match="last level has 2 x 2 positions, fewer than 3 x 3 tiles"):
        tiny(image_size=(8, 8), backbone=create("backbones/convnet", width=4, blocks=(1, 1, 1))).build()
