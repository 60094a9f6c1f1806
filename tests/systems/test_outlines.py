"""Outlines of text that was found: curved ones by contours, quads where text is straight; said, listed and drawn."""

import json
import types

import numpy as np
import pytest
import shapely
import tensorflow as tf
from PIL import Image
from shapely import affinity

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.drawing import pictures
from kerasvision.systems.outlines import OutlineFinder, polygons_of
from tests.systems.drawn_bands import RATIO, arc, cells_of, iou, least_iou, rectangle, shrunk

SIZE_WH, SIDE = (320, 240), 160  # of the image, and of the graph, whose cells are two pixels of the image
ARC, TURNED = arc(100, 2.2, 32, (160.0, 130.0)), rectangle(120, 30, 0.3, (160.0, 180.0))


def detector(**fields):
    sides = {"image_size": (SIDE, SIDE), "stride": 1, "shrink": RATIO}
    return create("text_detection/db", **sides | fields)


def judged_of(arch, *bands):
    """What a graph's answer is judged to, of one image with these bands, in pixels of it; sure of each cell."""
    _, geometry = arch.geometry({"image": tf.zeros([1, *SIZE_WH[::-1], 3], tf.uint8)})
    inside = [cells_of(_in_graph(shrunk(band)), SIDE) for band in bands]
    logits = np.where(np.any(inside, 0), 8.0, -8.0)[None, ..., None] if bands else np.full([1, SIDE, SIDE, 1], -8.0)
    return arch.judged({"text": tf.constant(logits, tf.float32)}, geometry)


def _in_graph(band):
    """Half as large, 20 rows of gray above."""
    return affinity.translate(affinity.scale(band, 0.5, 0.5, origin=(0, 0)), 0, 20)


def model(*bands, arch=None):
    """A model that sees these bands in whatever it is shown."""
    arch = arch or detector()
    served = types.SimpleNamespace(judge=lambda inputs: judged_of(arch, *bands))
    return api.Model(arch, ("text",), types.SimpleNamespace(served=served))


def first_of(judged):
    return {k: v.numpy()[0] for k, v in judged.items()}


def test_text_along_an_arc_is_found_along_it():
    """In pixels of the image; the rectangle of its moments is far from it. What is straight is the quad to the bit."""
    values = OutlineFinder(model(ARC, TURNED)).predict_one({"image": np.zeros((*SIZE_WH[::-1], 3), np.uint8)}).values
    assert values["count"] == len(values["polygons_xy"]) == 2
    curved, straight = values["polygons_xy"]
    assert iou(curved, ARC) > least_iou(ARC, 2.0) > 0.75 and iou(values["quads_xy"][0], ARC) < 0.6
    assert np.linalg.norm(curved - values["quads_xy"][0][0], axis=1).argmin() == 0 and shapely.Polygon(curved).is_valid
    np.testing.assert_array_equal(straight, values["quads_xy"][1])
    assert iou(straight, TURNED) > least_iou(TURNED, 2.0)


@pytest.mark.parametrize("size", [(140, 40), (60, 12), (60, 8)])
@pytest.mark.parametrize("turn", [0.0, 0.4, np.pi / 4, 1.2, np.pi / 2])
def test_straight_boxes_have_the_same_quads(turn, size):
    judged = first_of(judged_of(detector(), rectangle(*size, turn, (160.0, 120.0))))
    (polygon,) = polygons_of(detector(), judged)
    np.testing.assert_array_equal(polygon, judged["quads_xy"][0])


@pytest.mark.parametrize(("share", "corners"), [(0.3, 4), (0.7, None)])
def test_what_is_bent_by_half_of_its_height_is_no_quad(share, corners):
    """share: of the shrunk part's height, by which the middle of that part is away from its chord."""
    length, height = 240.0, 60.0
    lost = 2 * (length * height) * (1 - RATIO**2) / (2 * (length + height))
    rise, chord = share * (height - lost), length - lost
    radius = (chord**2 / 4 + rise**2) / (2 * rise)
    band = arc(radius, 2 * np.arcsin(length / 2 / radius), height, (160.0, 120.0 + radius))
    (polygon,) = polygons_of(detector(), first_of(judged_of(detector(), band)))
    assert len(polygon) == corners if corners else len(polygon) > 6


def test_there_is_a_polygon_for_each_quad_in_its_order_and_none_without_text():
    arch = detector(max_quads=2)
    bands = [
        rectangle(60, 16, 0.0, (60.0, 30.0)),
        rectangle(200, 40, 0.0, (160.0, 120.0)),
        rectangle(90, 20, 0.0, (90.0, 200.0)),
    ]
    judged = first_of(judged_of(arch, *bands))
    assert [iou(p, band) > 0.5 for p, band in zip(polygons_of(arch, judged), bands[1:], strict=True)] == [True, True]
    assert polygons_of(arch, first_of(judged_of(arch))) == []
    with pytest.raises(KerasVisionError, match="within rounding of score_threshold"):
        polygons_of(arch, judged | {"count": np.int32(1)})


def test_the_verb_says_and_draws_them(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(api, "load", lambda what, settings=(): model(ARC))
    Image.new("RGB", SIZE_WH, (90, 90, 90)).save(tmp_path / "a.png")
    out = tmp_path / "drawn.png"
    assert main(["predict", "run", str(tmp_path / "a.png"), "--outlines", "--json", "--draw", str(out)]) == 0
    (row,) = json.loads(capsys.readouterr().out)["prediction"]["quads"]
    assert iou(row["polygon_xy"], ARC) > 0.75 and len(row["quad_xy"]) == 4
    assert out.stat().st_size


@pytest.mark.nightly
def test_the_verb_refuses_what_is_for_classifiers(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(api, "load", lambda what, settings=(): model(ARC))
    Image.new("RGB", SIZE_WH, (90, 90, 90)).save(tmp_path / "a.png")
    assert main(["predict", "run", str(tmp_path / "a.png"), "--outlines", "--squeezed", "0.1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_is_drawn_is_the_polygon():
    prediction = OutlineFinder(model(ARC)).predict_one({"image": np.zeros((*SIZE_WH[::-1], 3), np.uint8)})
    (mark,) = prediction.arch.showing.marks(prediction.to_json())
    drawn = np.asarray(pictures.marked(np.zeros((*SIZE_WH[::-1], 3), np.uint8), [mark], 320)).astype(int)
    colored = np.abs(drawn - mark.color).max(-1) < 8
    ys, xs = np.nonzero(colored & (np.arange(240) > 20)[:, None])  # but for the score above it
    away = shapely.distance(shapely.Polygon(prediction["polygons_xy"][0]).exterior, shapely.points(xs, ys))
    assert len(xs) > 200 and np.mean(away < 4) > 0.9
    assert prediction.to_rows()[0]["polygon_xy"] == prediction.to_json()["quads"][0]["polygon_xy"]


def test_what_has_no_outlines_is_one_line():
    lines = api.Model(create("text_recognition/conv", num_classes=2), ("a", "b"), types.SimpleNamespace())
    with pytest.raises(UsageError, match="--outlines are of text that is found; text_recognition/conv finds none$"):
        OutlineFinder(lines)
    with pytest.raises(UsageError, match="--outlines needs what a run says of each cell.*; name the run$"):
        OutlineFinder(api.Model(detector(), ("text",), types.SimpleNamespace()))
