"""Rendered pages: ink is in its quads and nowhere else, lines come in reading order, and bad fields are one line."""

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.data.sources import _pages
from kerasvision.data.sources._lines import fonts_below

SANS = next(path for path in fonts_below("") if path.endswith("DejaVuSans.ttf"))
TEXT = "pages have columns and each of them is read before the next ; (why?) because gaps say so"
WORDS = TEXT.split()


def page(seed, columns=2, skew_deg=10.0, **fields):
    held = {"contrast": 150, "blur": 0.0, "noise": 0.0, "quality": 100} | fields
    paper = _pages.Paper((SANS,), (500, 420), (columns, columns), (10, 14), skew_deg, **held)
    return _pages.render(paper, WORDS, [seed])


def inside(quad, points, room=0.0):
    """bool [P]: of points in a clockwise quad, `room` wider on all sides."""
    sides = np.roll(quad, -1, 0) - quad
    away = points[None] - quad[:, None]
    turns = sides[:, None, 0] * away[..., 1] - sides[:, None, 1] * away[..., 0]
    return (turns / np.linalg.norm(sides, axis=1)[:, None] >= -room).all(0)


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_all_ink_is_inside_of_the_quads_of_words_and_each_holds_some(columns):
    for seed in range(3):
        image, lines = page(seed, columns)
        gray = image.mean(-1)
        y, x = np.nonzero(gray < (gray.min() + gray.max()) / 2)
        points = np.stack([x, y], 1) + 0.5
        held = [inside(quad, points, 0.75) for line in lines for quad in line.quads]
        assert all(h.any() for h in held) and np.any(held, 0).all()
        for line in lines:
            own = points[inside(line.quad, points)]
            across = (own - line.quad[0]) @ (line.quad[3] - line.quad[0])
            height = np.linalg.norm(line.quad[3] - line.quad[0])
            assert np.ptp(across) / height > 0.6 * height, "ink reaches from its top to its bottom"


def test_quads_are_within_the_page_and_begin_at_the_upper_left():
    for seed in range(6):
        _, lines = page(seed)
        quads = np.concatenate([line.quads for line in lines])
        assert quads.min() >= 0 and (quads <= [420, 500]).all()
        along, down = quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0]
        assert (along[:, 0] > 0).all() and (down[:, 1] > 0).all()
        angles = np.rad2deg(np.arctan2(along[:, 1], along[:, 0]))
        assert np.ptp(angles) < 1e-6 and abs(angles[0]) <= 10


def test_the_order_goes_down_each_column():
    """Straight pages: below the line before it, or at the top of the next column to the right, with its left end."""
    for seed in range(6):
        _, lines = page(seed, columns=3, skew_deg=0.0)
        boxes = np.array([[*line.quad[0], *line.quad[2]] for line in lines])
        jumps = [i for i in range(1, len(lines)) if boxes[i, 1] < boxes[i - 1, 1]]
        assert len(jumps) == 2
        assert all(boxes[i, 0] > boxes[i - 1, 0] + 50 for i in jumps)


def test_a_page_follows_from_its_seed():
    for a, b in zip(page(3), page(3), strict=True):
        assert np.array_equal(a, b) if isinstance(a, np.ndarray) else [x.text for x in a] == [x.text for x in b]
    assert not np.array_equal(page(3)[0], page(4)[0])


def test_contrast_is_kept():
    for seed in range(8):
        image, _ = page(seed, contrast=90)
        assert np.ptp(image.mean(-1)) >= 80


def source(**fields):
    held = {"pages": (3, 1, 1), "image_size": (240, 220), "size": (8, 10), "columns": (1, 2)}
    return create("sources/rendered_page", **held | fields)


def samples(opened, split="train"):
    held = opened.splits[split]
    return list(held.records.map(held.read).as_numpy_iterator())


def test_units_are_lines_or_words_of_the_same_pages():
    lines, words = (samples(source(unit=unit).open()) for unit in ("line", "word"))
    for a, b in zip(lines, words, strict=True):
        assert np.array_equal(a["image"], b["image"]) and len(b["texts"]) > len(a["texts"]) == len(a["quads_xy"])
        assert b" ".join(a["texts"]).split() == list(b["texts"])


def test_splits_have_words_of_their_own(tmp_path):
    words = [f"w{i:03d}" for i in range(900)]
    (tmp_path / "words.txt").write_text(" ".join(words))
    opened = source(texts=(str(tmp_path / "words.txt"),), unit="word").open()
    seen = {
        name: {t for s in samples(opened, name) for t in s["texts"] if t.startswith(b"w")} for name in opened.splits
    }
    assert seen["train"] and seen["test"] and not seen["train"] & (seen["test"] | seen["validation"])


@pytest.mark.parametrize(
    "fields",
    [
        {"pages": (0, 1, 1)},
        {"columns": (2, 1)},
        {"size": (5, 9)},
        {"image_size": (240, 199)},
        {"image_size": (119, 220)},
        {"skew_deg": 15.1},
        {"contrast": 151},
        {"blur": -0.1},
        {"noise": -1.0},
        {"quality": 0},
    ],
)
def test_bad_fields_are_one_line(fields):
    name = next(iter(fields))
    with pytest.raises(UsageError, match=f"rendered_page: {name}=.*; allowed: "):
        source(**fields).open()
    if name == "image_size":
        source(image_size=(120, 200)).open()


def test_texts_without_a_word_are_one_line(tmp_path):
    (tmp_path / "one.txt").write_text("one")
    with pytest.raises(KerasVisionError, match="have no word of the alphabet for .*; give more text"):
        source(texts=(str(tmp_path / "one.txt"),)).open()
