"""Reading within a graph: crops, cuts and words as on the host, by models that are never wrong."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import said
from kerasvision.edge.pages import reading_order, standing, strips
from kerasvision.edge.pages.crops import wider
from kerasvision.edge.pages.page import page_of
from kerasvision.edge.pages.reading import Rules
from kerasvision.edge.pages.rectify import rectified
from kerasvision.export.reader import crops, cuts
from kerasvision.export.reader.graph import KEYS, Lines
from kerasvision.systems.base import Session
from kerasvision.systems.page_reader import PageReader
from tests.systems.drawn_pages import Finder, Reader, painted, printed

MOST = 64


def drawn_quads(rng, count, size_wh=(300, 200)):
    """Turned and sheared a little, lying and standing ones."""
    centers = rng.uniform(0, 1, (count, 1, 2)) * size_wh
    sides = rng.uniform([6, 6], [160, 30], (count, 2))
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2 * sides[:, None]
    angle = rng.uniform(-0.3, 0.3, count) + rng.choice([0, np.pi / 2], count, p=[0.7, 0.3])
    turn = np.moveaxis(np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]), -1, 0)
    return centers + corners @ turn + rng.uniform(-1, 1, (count, 4, 2))


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_quads_are_set_upright_and_widened_as_on_the_host(count):
    quads = drawn_quads(np.random.default_rng(count), count)
    wanted = reading_order.upright(quads, reading_order.angle_of(quads))
    angle = reading_order.angle_of(quads)
    mine, found = crops.upright(tf.constant(quads))
    np.testing.assert_allclose(mine, wanted)
    assert float(found) == pytest.approx(angle)
    stands, down = crops.running_down(mine, found)
    np.testing.assert_array_equal(stands, standing.standing(wanted, angle))
    np.testing.assert_allclose(down[stands], standing.ends(wanted, angle)[stands.numpy(), 0])
    np.testing.assert_array_equal(down[~stands], mine[~stands])
    for margin in (-0.25, 0.0, 0.4):
        wide = np.array([wider(quad, margin) for quad in wanted]).reshape(-1, 4, 2)
        np.testing.assert_allclose(crops.wider(tf.constant(wanted), margin), wide)


@pytest.mark.parametrize("shrinks", [False, True])
def test_crops_are_the_hosts_to_a_gray_level(shrinks):
    """What lies half way between two may be rounded either way, since sums are in another order."""
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (200, 300, 3)).astype(np.uint8)
    for quad in drawn_quads(rng, 6):
        size = (11, 4) if shrinks else (90, 16)
        mine, theirs = (
            crops.rectified(tf.constant(image), tf.constant(quad), tf.constant(size)),
            rectified(image, quad, size),
        )
        apart = np.abs(mine.numpy().astype(int) - theirs)
        assert apart.max() <= 1 and (apart > 0).mean() <= 0.01


@pytest.mark.parametrize("most", [40, 64])
def test_cuts_are_the_hosts(most):
    rng, cut = np.random.default_rng(most), 0
    for _ in range(12):
        widths = rng.integers(1, 30, rng.integers(1, 24))
        columns = np.concatenate([np.full(w, i % 2 == 0) for i, w in enumerate(widths)])
        pixels = np.full((32, len(columns), 3), 255, np.uint8)
        pixels[8:24, columns] = rng.integers(0, 60)
        first, behind, blank = (v.numpy().tolist() for v in cuts.parts_of(tf.constant(pixels), most))
        wanted = strips.parts_of(pixels, most)
        assert [strips.Part(*row) for row in zip(first, behind, blank, strict=True)] == wanted
        canvases, fresh = cuts.canvases(tf.constant(pixels), most)
        for mine, part, is_fresh in zip(canvases.numpy(), wanted, fresh.numpy(), strict=True):
            np.testing.assert_array_equal(mine, strips.canvas_of(pixels[:, part.first : part.behind], most)[0])
            assert is_fresh == part.blank
        cut += len(wanted) > 1
    assert cut > 4


def in_graph(lines, quads, rules, image, most=MOST, reader=None):
    """The answer of `Lines` to the models of `drawn_pages`."""
    finder, reader = Finder(quads, most), reader or Reader(lines)

    def detect(image):
        del image
        quads = np.zeros((most, 4, 2), np.float32)
        held = finder({})["quads_xy"][0]
        quads[: len(held)] = held
        return {"quads_xy": tf.constant(quads[None]), "count": tf.constant([len(held)])}

    def recognize(images):
        types = list(KEYS.values())
        found = tf.numpy_function(
            lambda pixels: [np.asarray(reader({"image": pixels})[k], t.as_numpy_dtype) for k, t in KEYS.items()],
            [images],
            types,
        )
        for value, rank in zip(found, (2, 1, 1), strict=True):
            value.set_shape([None] * rank)
        return dict(zip(KEYS, found, strict=True))

    call = Lines(detect, recognize, most, reader.arch.image_size, reader.classes, rules)
    traced = tf.function(call, input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)], autograph=False)
    return {key: value.numpy() for key, value in traced(image).items()}, reader


def same_places(answer, page):
    """Numbers of lines whose text and corners are those of a line of the page, which rounds to hundredths."""
    there, found = [(line.text, np.array(line.quad_xy)) for line in page.lines], []
    for number in range(int(answer["count"])):
        text, quad = answer["texts"][number].decode(), answer["quads_xy"][number]
        if any(text == said and np.abs(quad - place).max() <= 0.011 for said, place in there):
            found.append(number)
    return found


def rules(turn="0", **fields):
    return Rules(orientation=turn, **fields)


@pytest.mark.parametrize(("columns", "seed", "margin", "batch"), [(1, 1, 0.0, 16), (2, 4, 0.1, 5)])
def test_ideal_models_give_the_texts_of_the_host_in_the_detectors_order(columns, seed, margin, batch):
    """Turned by up to 10 degrees; lines are longer than the recognizer is wide, so they are cut."""
    lines, size = printed(columns, seed)
    quads = np.array([line.quad for line in lines])
    quads = quads[np.random.default_rng(seed).permutation(len(quads))]
    image = painted(lines, size)
    answer, reader = in_graph(lines, quads, rules(margin=margin, batch=batch), image)
    models = {"detector": Finder(quads), "recognizer": Reader(lines)}
    page = page_of(Session(PageReader(orientation="0", margin=margin), models).step({"image": image}))
    count = int(answer["count"])
    assert count == len(lines) and int(answer["unread"]) == 0 and max(reader.batches) <= batch
    texts = [text.decode() for text in answer["texts"][:count]]
    assert sorted(texts) == sorted(line.text for line in page.lines) == sorted(line.text for line in lines)
    assert same_places(answer, page) == list(range(count))
    for quad, given in zip(answer["quads_xy"], quads, strict=False):
        assert np.abs(quad - given).max() < 0.2 * 20, "in the order in which they were found"
    assert not any(answer["texts"][count:]) and not answer["quads_xy"][count:].any()
    np.testing.assert_array_equal(answer["scores"], np.arange(MOST) < count)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_page_that_lies_is_turned_where_that_is_said(turn):
    """Quads are of the page as it lies."""
    lines, size = printed(1, 2, size_hw=(300, 420))
    upright = painted(lines, size)
    lying = np.rot90(upright, turn // 90)
    quads = np.array([line.quad for line in lines])
    answer, _ = in_graph(lines, quads, rules(str(turn)), lying)
    count = int(answer["count"])
    assert [t.decode() for t in answer["texts"][:count]] == [line.text for line in lines]
    other = Session(PageReader(orientation=str(turn)), {"detector": Finder(quads), "recognizer": Reader(lines)})
    assert same_places(answer, page_of(other.step({"image": lying}))) == list(range(count))


def test_what_says_nothing_or_has_no_area_is_counted_and_nothing_is_no_error():
    lines, size = printed(1, 0, size_hw=(200, 300))
    image = painted(lines, size)
    thin = np.array([[10, 2], [60, 2], [60, 3.9], [10, 3.9]])
    a, b, c, d = lines[0].quad
    upper = np.array([a, b, (b + c) / 2, (a + d) / 2])  # of which the model says nothing
    for more, unread in (([], 0), ([thin], 1), ([upper], 1)):
        answer, reader = in_graph(lines, [*[line.quad for line in lines], *more], rules(), image)
        assert int(answer["unread"]) == unread and int(answer["count"]) == len(lines)
        assert sum(reader.batches) >= len(lines)
    answer, reader = in_graph(lines, np.zeros((0, 4, 2)), rules(), image)
    assert int(answer["count"]) == int(answer["unread"]) == 0 and not reader.batches
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        in_graph(lines, [lines[0].quad * np.nan], rules(), image)
    assert "its weights are damaged" in said(error.value)
