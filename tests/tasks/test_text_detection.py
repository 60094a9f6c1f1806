"""Text found on pictures: what is learned, what becomes of a map, and what decides between two answers."""

import numpy as np
import pytest
import shapely
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.export.targets._tflite_operators import tflite_ops
from kerasvision.export.targets.tflite import TFLiteRunner, convert
from kerasvision.inference.served import Served
from kerasvision.tasks.targets import Asked
from kerasvision.tasks.text_detection.db import HIGH, LOW
from tests.ops.test_polygons import quad

SIZE = (96, 128)


def detector(**fields):
    neck = create("necks/fpn", width=8, first=2, last=3)
    backbone = create("backbones/convnet", width=4, blocks=(1, 1, 1), stem_stride=2)
    held = {"backbone": backbone, "neck": neck, "width": 8, "image_size": SIZE, "max_quads": 8, "stride": 2}
    return create("text_detection/db", **held | fields)


def turned(center, sides, degrees):
    """float32 [4, 2], clockwise from the upper left; degrees above 0 clockwise as seen."""
    angle, half = np.radians(degrees), np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * sides / 2
    return np.float32(half @ [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]] + center)


QUADS = np.stack([turned((60, 25), (90, 22), 4), turned((40, 66), (56, 20), -12), turned((100, 66), (46, 24), 40)])


def found_of(arch, quads, size=SIZE):
    """The prediction of a perfect graph for quads of an image."""
    _, geometry = arch.geometry({"image": tf.zeros([1, *size, 3], tf.uint8)})
    one = {k: v[0] for k, v in geometry.items()}
    moved = arch.move_labels({"quads_xy": tf.constant(quads)}, {}, one)
    targets = {k: v[None] for k, v in arch.encode(moved).items()}
    return {k: v.numpy() for k, v in arch.judged(arch.ideal_raw(targets), geometry).items()}


@pytest.mark.parametrize(("stride", "bound"), [(1, 0.9), (2, 0.8)])
def test_drawn_rectangles_are_found_again(stride, bound):
    found = found_of(detector(stride=stride), QUADS)
    assert found["count"] == [3] and not found["quads_xy"][0, 3:].any()
    for wanted in QUADS:
        overlap = [shapely.Polygon(q).intersection(shapely.Polygon(wanted)) for q in found["quads_xy"][0, :3]]
        near = found["quads_xy"][0, np.argmax([o.area for o in overlap])]
        one, other = shapely.Polygon(near), shapely.Polygon(wanted)
        assert one.intersection(other).area / one.union(other).area > bound
        np.testing.assert_allclose(near, wanted, atol=2.5 * stride)  # corner by corner: in the same order too


def test_quads_are_of_the_original_picture():
    """A picture of twice the height between gray columns."""
    arch = detector()
    twice = 2 * turned((64, 48), (60, 24), 20) - [64, 0]
    found = found_of(arch, np.float32(twice[None]), (192, 128))
    np.testing.assert_allclose(found["quads_xy"][0, 0], twice, atol=5)
    _, geometry = arch.geometry({"image": tf.zeros([1, 192, 128, 3], tf.uint8)})
    plain = {k: np.copy(found[k]) for k in arch.outputs}
    plain["quads_xy"] = np.where(plain["quads_xy"] != 0, plain["quads_xy"] / 2 + [32, 0], 0)  # of a file's own size
    np.testing.assert_allclose(arch.to_original_pixels(plain, geometry)["quads_xy"], found["quads_xy"], atol=1e-3)


def test_targets_are_those_of_offset_polygons():
    """Against shapely's offsets with mitered corners, cell by cell; those on a border by rounding are left out."""
    rng = np.random.default_rng(0)
    arch = detector(stride=1)
    points = shapely.points(arch.cell_centers().numpy())
    for _ in range(10):
        corners = np.float32(6 * quad(rng) + [20, 10])
        polygon = shapely.Polygon(corners)
        moved = polygon.area * (1 - 0.4**2) / polygon.length
        shrunk = polygon.buffer(-moved, join_style="mitre", mitre_limit=1e6)
        dilated = polygon.buffer(moved, join_style="mitre", mitre_limit=1e6)
        targets = {k: v.numpy().ravel() for k, v in arch.encode({"quads_xy": corners[None]}).items()}
        clear = (shapely.distance(shrunk.exterior, points) > 1e-3) & (shapely.distance(dilated.exterior, points) > 1e-3)
        if shapely.contains(shrunk, points).any():
            np.testing.assert_array_equal((targets["text"] == 1)[clear], shapely.contains(shrunk, points)[clear])
            assert (targets["text"] >= 0).all()
        np.testing.assert_array_equal((targets["border"] >= 0)[clear], shapely.contains(dilated, points)[clear])
        inside = shapely.contains(polygon, points) & clear
        away = shapely.distance(polygon.exterior, points)[inside]
        wanted = LOW + (HIGH - LOW) * np.maximum(1 - away / moved, 0)
        np.testing.assert_allclose(targets["border"][inside], wanted, atol=1e-4)


def test_what_is_too_thin_for_a_cell_is_not_learned():
    """At stride 2 the shrunk part of a quad 3 pixels high lies between the centers of cells."""
    thin = turned((64, 48), (60, 3), 0)
    targets = detector().encode({"quads_xy": thin[None]})["text"].numpy()
    assert (targets == -1).any() and not (targets == 1).any()
    assert targets.min() == -1 and (targets[:20] == 0).all()


def test_no_quad_is_a_picture_without_text():
    arch = detector()
    targets = arch.encode({"quads_xy": tf.zeros([0, 4, 2])})
    assert not targets["text"].numpy().any() and (targets["border"].numpy() == -1).all()
    assert found_of(arch, np.zeros((0, 4, 2), np.float32))["count"] == [0]


@pytest.mark.parametrize("corners", [QUADS[0][[0, 2, 1, 3]], QUADS[0] * 0])
def test_a_quad_that_crosses_itself_is_named(corners):
    with pytest.raises(tf.errors.InvalidArgumentError, match="no area, crosses itself or is not convex"):
        detector().encode({"quads_xy": np.stack([QUADS[1], corners])})


@pytest.mark.parametrize(("field", "below", "above"), [("score_threshold", 0.69, 0.71), ("threshold", 0.69, 0.71)])
def test_thresholds_decide(field, below, above):
    mask = np.zeros((1, 48, 64), np.float32)
    mask[0, 10:20, 10:40] = 0.7
    counts = [int(detector(**{field: v}).found(tf.constant(mask))["count"][0]) for v in (below, above)]
    assert counts == [1, 0]


@pytest.mark.parametrize(("cells", "count"), [(2, 0), (3, 1)])
def test_specks_do_not_count(cells, count):
    mask = np.zeros((1, 48, 64), np.float32)
    mask[0, 10, 10 : 10 + cells] = 1
    assert detector(least_cells=3).found(tf.constant(mask))["count"][0] == count


def answers(arch, probability):
    geometry = arch.no_geometry({"image": tf.zeros([1, *SIZE, 3], tf.uint8)})
    logits = np.log(probability / (1 - probability))[..., None].astype(np.float32)
    return {k: v.numpy() for k, v in arch.judged({"text": tf.constant(logits)}, geometry).items()}


def test_a_changed_cell_is_explained_by_how_near_it_was():
    arch = detector()
    one = np.full((1, 48, 64), 0.01)
    one[0, 10:16, 10:40], one[0, 12, 40] = 0.9, 0.299
    other = one.copy()
    other[0, 12, 40] = 0.301
    error, flip = arch.compare(answers(arch, one), answers(arch, other))
    assert error[0] == pytest.approx(0.001, abs=1e-5) and not flip[0]
    plain = {k: answers(arch, other)[k] for k in arch.outputs}
    assert arch.compare({k: answers(arch, one)[k] for k in arch.outputs}, plain)[0] == [1.0]


def test_a_quad_that_is_nowhere_near_a_threshold_is_unexplained():
    arch = detector()
    one = np.full((1, 48, 64), 0.01)
    one[0, 10:16, 10:40] = 0.9
    other = one.copy()
    other[0, 30:36, 10:40] = 0.9
    error, flip = arch.compare(answers(arch, one), answers(arch, other))
    assert error[0] == pytest.approx(0.29, abs=1e-5) and flip[0]
    shifted = {k: v.copy() for k, v in answers(arch, one).items()}
    shifted["quads_xy"][0, 0] += 1.0
    error, flip = arch.compare(answers(arch, one), shifted)
    assert error[0] == pytest.approx(0.29, abs=1e-5) and not flip[0]
    shifted["quads_xy"][0, 0, 0, 0] = np.nan
    assert np.isnan(arch.compare(answers(arch, one), shifted)[0][0])


def test_a_score_that_moved_is_the_error():
    arch = detector()
    one = np.full((1, 48, 64), 0.01)
    one[0, 10:16, 10:40] = 0.9
    other = np.where(one > 0.5, 0.88, one)
    error, flip = arch.compare(answers(arch, one), answers(arch, other))
    assert error[0] == pytest.approx(0.02, abs=1e-5) and not flip[0]


def test_a_file_has_builtin_operators_and_no_threshold_map(tmp_path):
    arch = detector()
    served = Served(arch, arch.build(), ("text",))
    assert not [w.name for w in served.weights if w.name.startswith("border")]
    (tmp_path / "model.tflite").write_bytes(convert(served, "float32", "mixed", []))
    ops = tflite_ops(tmp_path / "model.tflite")
    assert not [op for op in ops if op.startswith(("Flex", "CUSTOM"))] and "WHILE" in ops


def test_an_int8_file_decodes_in_floats_and_other_integers_are_refused(tmp_path):
    """The converter's own calibration ends the process at the loop."""
    arch = detector()
    served = Served(arch, arch.build(), ("text",))
    images = np.random.default_rng(0).integers(0, 256, (2, 1, *SIZE, 3)).astype(np.uint8)
    feeds = [{"image": image} for image in images]
    (tmp_path / "model.tflite").write_bytes(convert(served, "int8", "mixed", feeds))
    ops = tflite_ops(tmp_path / "model.tflite")
    assert "WHILE" in ops and "QUANTIZE" in ops and "DEQUANTIZE" in ops
    runner = TFLiteRunner(tmp_path / "model.tflite", arch)
    assert np.isfinite(runner.infer(feeds[0])["quads_xy"]).all()
    for quantize, io in (("int16x8", "mixed"), ("int8", "uint8")):
        with pytest.raises(KerasVisionError, match="decodes in a loop, which has no integer form"):
            convert(served, quantize, io, feeds)


@pytest.mark.parametrize("fields", [{"stride": 3}, {"shrink": 1.0}, {"max_quads": 0}, {"threshold": 0.0}])
def test_fields_are_checked(fields):
    with pytest.raises(UsageError, match=f"{next(iter(fields))}=.*allowed"):
        detector(**fields)
    with pytest.raises(KerasVisionError, match="image_size=.*multiples of 8"):
        detector(image_size=(100, 128))


def test_quads_are_explained_by_their_number():
    arch = detector()
    raw = {"text": tf.constant(answers_logits())}
    chosen = arch.targets().choose(raw, None, ("text",), Asked(box=(0,)))
    assert chosen[0].region.sum() == 4 * 180
    assert float(chosen[0].score(raw)[0]) == pytest.approx(2.0) and chosen[0].likely().score(raw)[0] < 1
    with pytest.raises(UsageError, match="--box 5: 1 quads are there; allowed: 0 to 0"):
        arch.targets().choose(raw, None, ("text",), Asked(box=(5,)))


def test_a_component_that_is_no_quad_has_no_number():
    """The largest is faint and another one a speck, so that a prediction lists one quad."""
    logits = answers_logits()
    logits[0, 20:40, 10:50], logits[0, 44, 60] = -0.5, 5.0
    arch, raw = detector(), {"text": tf.constant(logits)}
    assert arch.found(tf.sigmoid(raw["text"][..., 0]))["count"] == [1]
    (chosen,) = arch.targets().choose(raw, None, ("text",), Asked())
    assert chosen.region.sum() == 4 * 180
    with pytest.raises(UsageError, match="--box 1: 1 quads are there"):
        arch.targets().choose(raw, None, ("text",), Asked(box=(1,)))
    with pytest.raises(KerasVisionError, match="no text is found in this image"):
        arch.targets().choose({"text": tf.constant(logits - 10)}, None, ("text",), Asked())


def answers_logits():
    logits = np.full((1, 48, 64, 1), -5, np.float32)
    logits[0, 10:16, 10:40] = 2
    return logits
