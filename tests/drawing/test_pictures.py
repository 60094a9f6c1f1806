"""Boxes, masks and names on pictures, seen in the pixels."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from kerasvision.core.errors import KerasVisionError
from kerasvision.drawing import letters as letters_of_pictures
from kerasvision.drawing import pictures
from kerasvision.drawing.figures import save_figure
from kerasvision.drawing.letters import font
from kerasvision.drawing.pictures import Mark, color_of, marked, sheet

H, W, SIDE = 300, 400, 400
GRAY = np.full((H, W, 3), 120, np.uint8)
BOX = np.array([100, 80, 220, 200])
RED = (214, 39, 40)


def drawn(marks, image=GRAY, side=SIDE):
    return np.asarray(marked(image, marks, side))


def changed(pixels, image=GRAY):
    return (pixels != image).any(-1)


def is_color(pixels, color):
    return (pixels == color).all(-1)


def test_lines_lie_inside_the_box_with_a_dark_casing():
    pixels = drawn([Mark(BOX, "", RED)])
    for edge in (pixels[80:82, 100:220], pixels[198:200, 100:220], pixels[80:200, 100:102], pixels[80:200, 218:220]):
        assert (edge == RED).all()
    assert is_color(pixels, RED).sum() == 120 * 120 - 116 * 116
    for casing in (pixels[79, 100:220], pixels[82, 103:217]):
        assert (casing < 100).all()
    where = changed(pixels)
    assert not where[83:197, 103:217].any()
    where[79:201, 99:221] = False
    assert not where.any()


def test_lines_and_letters_grow_with_the_picture():
    for side, line in ((400, 2), (960, 3), (1600, 5)):
        assert pictures.line_px(side) == line
        for width in (1, 2):
            column = is_color(drawn([Mark(BOX, "", RED, width=width)], side=side), RED)[:, round(160 * side / W)]
            assert column.sum() == 2 * width * line
    assert pictures.text_px(176) == 11 < pictures.text_px(480) < pictures.text_px(1600) == 25


def test_a_small_object_stays_visible_in_its_box():
    pixels = drawn([Mark(np.array([200, 100, 206, 105]), "", RED)])
    assert not changed(pixels)[101:104, 201:205].any()
    assert is_color(pixels[98:100, 198:208], RED).all()


def test_a_mask_covers_its_pixels_and_no_others():
    mask = np.zeros((H, W), np.uint8)
    mask[100:160, 120:200] = 1
    pixels = drawn([Mark(BOX, "", (0, 200, 40), mask)])
    inner = (slice(102, 158), slice(122, 198))
    np.testing.assert_allclose(pixels[inner], np.broadcast_to([72, 152, 88], (56, 76, 3)), atol=1)
    outline = mask.astype(bool)
    outline[inner] = False
    assert (pixels[outline] == (0, 200, 40)).all()
    inside_box = changed(pixels)[83:197, 103:217]
    np.testing.assert_array_equal(inside_box, mask[83:197, 103:217] > 0)


@pytest.mark.parametrize("order", [1, -1])
def test_a_mask_on_a_larger_one_is_seen(order):
    large, small = np.zeros((2, H, W), bool)
    large[20:280, 20:380], small[100:200, 100:200] = True, True
    corner = np.array([0, 0, 10, 10])
    marks = [Mark(corner, "", (255, 0, 0), large), Mark(corner, "", (0, 0, 255), small)][::order]
    red, _, blue = drawn(marks)[150, 150].astype(int)
    assert blue > red + 20


def test_masks_and_boxes_follow_the_scale():
    mask = np.zeros((H, W), bool)
    mask[100:160, 120:200] = True
    pixels = drawn([Mark(BOX, "", RED, mask)], side=1200)
    assert (pixels[240:245, 300:660] == RED).any()
    where = changed(pixels, np.full((900, 1200, 3), 120, np.uint8))[255:590, 315:650]
    wanted = mask.repeat(3, 0).repeat(3, 1)[255:590, 315:650]
    assert abs(int(where.sum()) - int(wanted.sum())) < 100  # smoothing rounds the corners
    assert (where != wanted).sum() < 200


@pytest.mark.parametrize(
    "text", ["bird 0.93", "a name much longer than any picture of this size could ever be " * 2, "ждать"]
)
@pytest.mark.parametrize(
    "box", [(0, 0, 400, 300), (-9, -9, 30, 20), (390, 290, 420, 330), (395, 0, 400, 300), (7, 7, 7, 7)]
)
def test_a_name_stands_inside_the_picture(text, box):
    pixels = drawn([Mark(np.array(box), text, RED)], np.zeros_like(GRAY))
    tag = is_color(pixels, RED)
    rows = tag.sum(1)
    letters = font(pictures.text_px(SIDE))
    high = sum(letters.getmetrics()) + 2
    wide = int(letters.getlength(pictures.fitted(text, letters, W - 6))) + 6
    assert (rows >= 0.3 * wide).sum() >= high - 2  # all rows of the name's ground
    assert is_color(pixels, pictures.PAPER).any()  # letters


@pytest.mark.parametrize("background", [0, 128, 255])
def test_letters_stand_out_from_their_ground(background):
    for color in (*(color_of(i) for i in range(60)), RED, (44, 160, 44), (0, 0, 128), (255, 255, 255)):
        low, high = sorted(pictures.luminance(c) for c in (color, pictures.ink_on(color)))
        assert (high + 0.05) / (low + 0.05) >= 4.2, color
    # and the ground does not let the picture through
    image = np.full_like(GRAY, background)
    pixels = drawn([Mark(BOX, "bird 0.93", color_of(4))], image)
    assert is_color(pixels[55:80], color_of(4)).sum() > 500


def test_every_place_of_a_name_is_inside_and_the_first_is_on_top():
    rng = np.random.default_rng(0)
    for _ in range(200):
        corner = rng.uniform(0, [380, 280])
        box = (*corner, *np.minimum(corner + rng.uniform(1, 300, 2), (400, 300)))
        x0, y0, x1, y1 = pictures._least_hidden((60, 15), box, (400, 300), [], [box])
        assert (x1 - x0, y1 - y0) == (60, 15) and x0 >= 0 and y0 >= 0 and x1 <= 400 and y1 <= 300
    dark, whole = np.zeros((16, 64, 3), np.uint8), np.array([0, 0, 64, 16])  # no room for more than one name
    first, second = Mark(whole, "bird 0.90", RED), Mark(whole, "bird 0.80", (0, 0, 255))
    wide = int(font(pictures.text_px(64)).getlength("bird 0.90"))
    assert 40 < wide < 60
    np.testing.assert_array_equal(drawn([first, second], dark, 64)[:12, :wide], drawn([first], dark, 64)[:12, :wide])


def test_names_avoid_each_other_and_objects():
    size, picture = (60, 15), (400, 300)
    boxes = [(100.0, 80.0, 220.0, 200.0)]
    assert pictures._least_hidden(size, boxes[0], picture, [], boxes) == (100, 65, 160, 80)  # over the box
    top = (100.0, 2.0, 170.0, 40.0)
    assert pictures._least_hidden(size, top, picture, [], [top])[1] == 40  # no room over it: under it
    large = (0.0, 0.0, 400.0, 300.0)
    assert pictures._least_hidden(size, large, picture, [], [large])[:2] == (0, 0)  # in the corner of a large one
    over = (100.0, 50.0, 160.0, 80.0)  # an object is there
    assert pictures._least_hidden(size, boxes[0], picture, [], [*boxes, over])[:2] == (160, 65)
    taken = []
    for _ in range(6):  # the same box six times
        taken.append(pictures._least_hidden(size, boxes[0], picture, taken, boxes))
    assert not any(pictures._shared(a, b) for i, a in enumerate(taken) for b in taken[:i])


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (700, 1), (3, 5)])
def test_any_size_of_picture_and_any_box(shape):
    image = np.full((*shape, 3), 50, np.uint8)
    boxes = [(0, 0, shape[1], shape[0]), (-5, -5, 900, 900), (shape[1], shape[0], shape[1], shape[0]), (0, 0, 0, 0)]
    marks = [Mark(np.array(b, float), "a bird 0.50", color_of(i), np.ones(shape)) for i, b in enumerate(boxes)]
    picture = marked(image, marks, 480)
    assert max(picture.size) == 480 and min(picture.size) == max(1, round(480 * min(shape) / max(shape)))
    np.testing.assert_array_equal(np.unique(np.asarray(marked(image, [], 480))), [50])


def test_small_pictures_are_enlarged_without_smoothing_and_photographs_with():
    small = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    np.testing.assert_array_equal(marked(small, [], 480), small.repeat(60, 0).repeat(60, 1))
    photo = np.repeat(np.repeat(small, 16, 0), 16, 1)
    assert len(np.unique(np.asarray(marked(photo, [], 480)).reshape(-1, 3), axis=0)) > 200


def test_sheet_places_pictures_titles_and_captions():
    rng = np.random.default_rng(0)
    drawn = [Image.fromarray(rng.integers(0, 256, s, np.uint8)) for s in ((90, 330, 3), (200, 40, 3), (60, 60, 3))]
    titles = ("one", "a title that is so long that it has to be wrapped onto a second line", "three\nlines\nof")
    pixels = np.asarray(sheet(list(zip(drawn, titles, ("a.png", "b.png", ""), strict=True)), 2))
    at = []
    for picture in drawn:
        held, (wide, high) = np.asarray(picture), picture.size
        found = np.argwhere(is_color(pixels, held[0, 0]))
        found = [(y, x) for y, x in found if np.array_equal(pixels[y : y + high, x : x + wide], held)]
        assert len(found) == 1
        at.append(found[0])
        strip = pixels[found[0][0] - 16 : found[0][0] - 3, found[0][1] : found[0][1] + 300]
        assert (strip < 100).any() or picture is drawn[0]  # its title; the one of a single line is higher up
    assert at[0][0] == at[1][0] and at[0][1] == at[2][1] and at[2][0] > at[0][0] + 200 and at[1][1] > at[0][1] + 330
    assert (pixels[-12:] == 255).all() and (pixels[:, -8:] == 255).all()


def test_fitted_text():
    letters = font(12)
    assert pictures.fitted("bird", letters, 100) == "bird"
    cut = pictures.fitted("bird of paradise", letters, 60)
    assert cut.endswith(".") and letters.getlength(cut) <= 60 and "bird of paradise".startswith(cut[:-1])
    assert pictures.fitted("bird", letters, 2) == ""


def test_unwritable_path_is_one_line_and_leaves_nothing(tmp_path):
    picture = Image.new("RGB", (4, 4))
    with pytest.raises(KerasVisionError, match="cannot write .*No such file"):
        pictures.save(picture, tmp_path / "gone" / "a.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(KerasVisionError, match="cannot write"):
        pictures.save(picture, tmp_path / "folder.png")
    assert [p.name for p in tmp_path.iterdir()] == ["folder.png"]


def test_letters_that_the_font_lacks_are_named_once(capsys, tmp_path):
    """U+4F60 and U+597D are in no DejaVu font, U+0107 and U+03A9 are; a picture and a figure say the same."""
    letters_of_pictures._TOLD.clear()
    drawn([Mark(BOX, "\u0107a\u03a9", RED)])
    assert capsys.readouterr().err == ""
    drawn([Mark(BOX, "\u4f60\u597d cat", RED)])
    assert capsys.readouterr().err == (
        "kerasvision: pictures have no letters for \u4f60 \u597d; boxes stand in their place\n"
    )
    figure = Figure()
    figure.subplots().set_title("\u4f60\u732b")
    save_figure(figure, tmp_path / "figure.png")
    assert capsys.readouterr().err.count("\u732b") == 1 and (tmp_path / "figure.png").stat().st_size
