"""Why two pictures are alike: parts of a cosine by hand, of pictures whose one common thing was drawn."""

import dataclasses
import json

import numpy as np
import pytest
import tf_keras as keras
from PIL import Image

from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.explain import alike as alikeness
from kerasvision.explain.alike import Alike, alike
from kerasvision.explain.base import Explainable
from kerasvision.explain.two import pair_of
from kerasvision.layers.pooling import pool
from kerasvision.train.run import Trained, save_run
from tests.contract import contracts

SIDE, CELL = 32, 4
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def embedder(pooling, dimension=5):
    """An `Explainable` whose feature map are means over cells of 4 pixels; a channel is a color."""
    arch = create("embedding/pairs", image_size=(SIDE, SIDE), dimension=dimension, pooling=pooling)
    image, rng = keras.Input((SIDE, SIDE, 3), name="image"), np.random.default_rng(0)
    pooled = pool(keras.layers.AveragePooling2D(CELL)(image), pooling, "pool")
    embedding = keras.layers.Dense(dimension, name="embedding")(keras.layers.Dropout(0.2)(pooled))
    model = Explainable(arch, keras.Model({"image": image}, {"embedding": embedding}), ("a", "b"))
    return weighted(model, rng.normal(size=(3, dimension)), rng.normal(size=dimension))


def weighted(model, kernel, bias):
    model.graph.get_layer("embedding").set_weights([kernel, bias])
    return model


def normalized(model, drawn):
    return np.asarray(model.normalized(drawn[None])["image"], np.float64)[0]


def picture(*squares):
    """Black, with squares of 8 pixels: (color, x, y)."""
    drawn = np.zeros((SIDE, SIDE, 3), np.uint8)
    for color, x, y in squares:
        drawn[y : y + 8, x : x + 8] = color
    return drawn


def photographs():
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8) for _ in range(2)]


@pytest.mark.parametrize("pooling", ["average", "max", "gem"])
def test_parts_add_up_to_the_cosine(pooling):
    model, (first, second) = embedder(pooling), photographs()
    held = alike(model, first, second)
    a, b = (np.asarray(model.predicted(one[None])["embedding"], np.float64)[0] for one in (first, second))
    assert held.cosine == pytest.approx(a @ b, abs=1e-6)
    assert held.parts.shape == (8, 8, 8, 8)
    assert held.parts.sum() == pytest.approx(held.cosine, abs=1e-5)
    for own in held.maps():
        assert own.sum() == pytest.approx(held.cosine, abs=1e-5)


def test_by_average_a_part_is_the_product_of_two_places():
    """arXiv:1901.00536, equation 3, written out for one pair of places."""
    model, pair = embedder("average"), photographs()
    kernel, bias = (w.astype(np.float64) for w in model.graph.get_layer("embedding").get_weights())
    cells = [normalized(model, one).reshape(8, 4, 8, 4, 3).mean((1, 3)) @ kernel / 64 + bias / 64 for one in pair]
    lengths = [np.linalg.norm(one.sum((0, 1))) for one in cells]
    expected = cells[0][2, 5] @ cells[1][7, 1] / np.prod(lengths)
    assert alike(model, *pair).parts[2, 5, 7, 1] == pytest.approx(expected, abs=1e-6)


def test_what_two_pictures_share_is_found_in_both():
    """A red square in both, beside a green one here and a blue one there: red goes along with red alone, and black,
    which the bias makes nothing, with nothing.
    """
    model = embedder("average", 3)
    weighted(model, np.eye(3), -normalized(model, np.zeros((1, 1, 3), np.uint8)).reshape(3))
    first, second = picture((RED, 4, 8), (GREEN, 20, 20)), picture((RED, 16, 0), (BLUE, 4, 20))
    held = alike(model, first, second)
    inside = np.zeros((8, 8)), np.zeros((8, 8))
    inside[0][2:4, 1:3], inside[1][0:2, 4:6] = 1, 1
    for own, region in zip(held.maps(), inside, strict=True):
        assert (own * region).sum() / np.abs(own).sum() > 0.999
    assert {a for a, _, _ in held.pairs(4)} == {(2, 1), (2, 2), (3, 1), (3, 2)}
    assert {b for _, b, _ in held.pairs(4)} == {(0, 4), (0, 5), (1, 4), (1, 5)}
    for own, region in zip(held.answering(), inside, strict=True):
        assert (own * region).sum() / np.abs(own).sum() > 0.999


@pytest.mark.parametrize("pooling", ["max", "gem"])
def test_of_two_squares_the_brighter_one_has_the_channels(pooling):
    """By maximum alone; by a mean of cubes an eighth for half the value."""
    model = weighted(embedder(pooling, 3), np.eye(3), np.zeros(3))
    first = picture(((191, 191, 191), 0, 0), (WHITE, 16, 16))
    held = alike(model, first, picture((WHITE, 8, 8)))
    gray, white = (normalized(model, np.full((1, 1, 3), v, np.uint8)).mean() for v in (191, 255))
    expected = 0.0 if pooling == "max" else (max(gray, 0) / white) ** 3
    own, _ = held.maps()
    assert own[0, 0] == pytest.approx(expected * own[4, 4], abs=1e-3 * own[4, 4])
    assert own[6, 0] == pytest.approx(0, abs=1e-3 * own[4, 4])


def test_what_is_no_sum_over_positions_is_refused():
    arch = create("classification/classifier", num_classes=2, image_size=(SIDE, SIDE))
    model = Explainable(arch, arch.build(), ("a", "b"))
    with pytest.raises(UsageError, match="--pair: classification/classifier gives no embedding"):
        alike(model, *photographs())
    image = keras.Input((SIDE, SIDE, 3), name="image")
    flat = keras.layers.Dense(4)(keras.layers.Flatten()(image))
    other = embedder("average")
    model = Explainable(other.arch, keras.Model({"image": image}, {"embedding": flat}), ("a", "b"))
    with pytest.raises(UsageError, match="is no sum over positions here; ask --like"):
        alike(model, *photographs())


def test_the_command_draws_and_names_places_in_the_pictures_pixels(tmp_path, capsys):
    """Of pictures that are twice as large as the graph's input."""
    backbone = create("backbones/convnet", width=4, blocks=(1, 1))
    arch = create("embedding/pairs", dimension=12, image_size=(SIDE, SIDE), backbone=backbone)
    recipe = Recipe(name="alike", model=arch, data=create("sources/digits"))
    (tmp_path / "run").mkdir()
    save_run(Trained(recipe, contracts.built(arch, 0), ("a", "b"), {}, tmp_path / "run"))
    names = []
    for name, drawn in zip("ab", (picture((RED, 4, 8)), picture((RED, 16, 0))), strict=True):
        Image.fromarray(drawn).resize((64, 64), Image.Resampling.NEAREST).save(tmp_path / f"{name}.png")
        names.append(str(tmp_path / f"{name}.png"))
    out = [str(tmp_path / "drawn.png"), "--npz", str(tmp_path / "held.npz")]
    assert main(["explain", str(tmp_path / "run"), "--pair", *names, "--out", *out, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sum_of_parts"] == pytest.approx(told["cosine"], abs=1e-5)
    with np.load(tmp_path / "held.npz") as held:
        assert held["first"].shape == held["second"].shape == (64, 64)
        assert held["parts"].sum() == pytest.approx(told["cosine"], abs=1e-5)
    assert Image.open(out[0]).size[0] > 300
    assert all(0 <= value < 64 for place in told["places"] for key in ("first", "second") for value in place[key])
    assert main(["explain", str(tmp_path / "run"), names[0], "--pair", *names]) == 2
    assert (
        "--pair A B names its two inputs itself, and takes all of each; leave out a further" in capsys.readouterr().err
    )
    assert main(["explain", str(tmp_path / "run"), "--pair", *names, "--compare"]) == 2
    assert "leave out --compare" in capsys.readouterr().err


def test_an_exported_file_is_refused(tmp_path):
    model = dataclasses.replace(embedder("average"), file=object())
    with pytest.raises(UsageError, match="an exported file does not give the weights that make its parts; ask the run"):
        alike(model, *photographs())


def test_parts_that_do_not_add_up_are_refused(monkeypatch):
    model = embedder("average")
    monkeypatch.setattr(alikeness, "_by_position", lambda *given: np.ones((8, 8, 5)))
    with pytest.raises(UsageError, match="the parts add up to .*, and the cosine is"):
        alike(model, *photographs())


def test_a_place_in_the_border_of_a_letterbox_has_no_pixel():
    """A picture of 32 x 8 fills rows 12 to 20 of the graph's 32, positions 3 and 4 of 8."""
    wide = np.zeros((8, 32, 3), np.uint8)
    model = embedder("average")
    model = dataclasses.replace(model, arch=dataclasses.replace(model.arch, resize="letterbox"))
    held = pair_of(model, ("a", "b"), [{"image": wide}, {"image": wide}])
    parts = np.zeros((8, 8, 8, 8))
    parts[0, 0, 0, 0], parts[3, 2, 4, 5] = 0.9, 0.1
    held = dataclasses.replace(held, held=Alike(1.0, parts))
    (place,) = held.to_json()["places"]
    assert place["part"] == pytest.approx(0.1)
    np.testing.assert_allclose(place["first"], (9.5, 1.5), atol=0.6)
    np.testing.assert_allclose(place["second"], (21.5, 5.5), atol=0.6)
