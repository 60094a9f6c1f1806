"""Pages of pictures, TIFFs and PDFs against what was drawn, and what is broken."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.decode import MOST_PIXELS
from kerasvision.data.pages import opened

RED = np.zeros((30, 40, 3), np.uint8)
RED[..., 0] = 200
RED[:10, :10] = (0, 0, 255)  # the upper left corner, by which turns are seen


def pages_of(path, **more):
    with opened(path, **more) as (count, page):
        return [page(number) for number in range(count)]


def test_a_picture_is_one_page(tmp_path):
    Image.fromarray(RED).save(tmp_path / "a.png")
    (page,) = pages_of(tmp_path / "a.png")
    np.testing.assert_array_equal(page, RED)


def test_a_tiff_has_its_pages_of_any_kind(tmp_path):
    gray16 = Image.fromarray(np.full((30, 40), 51 * 256 + 7, np.uint16))
    clear = Image.fromarray(np.dstack([RED, np.full((30, 40), 0, np.uint8)]), "RGBA")
    cmyk = Image.fromarray(RED).convert("CMYK")
    bits = Image.fromarray(RED).convert("1")
    first = Image.fromarray(RED)
    first.save(
        tmp_path / "a.tiff", save_all=True, append_images=[gray16, clear, cmyk, bits], compression="tiff_deflate"
    )
    found = pages_of(tmp_path / "a.tiff")
    assert len(found) == 5 and all(page.dtype == np.uint8 and page.shape == (30, 40, 3) for page in found)
    np.testing.assert_array_equal(found[0], RED)
    assert (found[1] == 51).all() and (found[2] == 255).all()
    np.testing.assert_array_equal(found[3], np.asarray(cmyk.convert("RGB")))
    assert set(np.unique(found[4])) <= {0, 255}


def test_a_tiff_is_turned_as_its_tag_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(RED).copy()).save(tmp_path / "a.tif", exif=exif)
    np.testing.assert_array_equal(pages_of(tmp_path / "a.tif")[0], RED)


def test_a_pdf_is_drawn_at_the_dots_that_are_asked_for(tmp_path):
    pages = [Image.new("RGB", (144, 72), "white") for _ in range(2)]
    ImageDraw.Draw(pages[1]).rectangle((72, 0, 144, 72), fill=(255, 0, 0))
    pages[0].save(tmp_path / "a.pdf", save_all=True, append_images=pages[1:], resolution=72)
    first, second = pages_of(tmp_path / "a.pdf", dpi=144)
    assert first.shape == second.shape == (144, 288, 3) and (first == 255).all()
    assert second[:, :128].min() > 250 and np.abs(second[:, 150:].astype(int) - [254, 0, 0]).max() < 6


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pdf", ".txt"])
def test_what_is_broken_or_missing_is_one_line(suffix, tmp_path):
    broken = tmp_path / f"broken{suffix}"
    broken.write_bytes(b"no such thing")
    (tmp_path / f"empty{suffix}").write_bytes(b"")
    for name in ("broken", "empty", "none"):
        with pytest.raises(KerasVisionError, match=f"{name}{suffix}.*") as error:
            pages_of(tmp_path / f"{name}{suffix}")
        said = str(error.value)
        assert "\n" not in said and ("cannot be" in said or "is empty" in said)


def test_a_tiff_that_is_cut_off_is_one_line(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8))
    noise.save(tmp_path / "a.tif", save_all=True, append_images=[noise])
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(KerasVisionError, match="cut.tif") as error:
        pages_of(tmp_path / "cut.tif")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("is_second", [False, True], ids=["alone", "second"])
def test_a_tiff_of_too_many_pixels_is_one_line(is_second, tmp_path):
    """A few hundred bytes in which a header speaks of 400 million pixels; of a page behind another one as well."""
    small, large = Image.fromarray(RED).convert("1"), Image.new("1", (20_000, 20_000))
    pages = [small, large] if is_second else [large]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:], compression="group4")
    where = "a.tif, page 2," if is_second else "a.tif"
    with pytest.raises(KerasVisionError, match=f"{where} cannot be read: it has more than {MOST_PIXELS} pixels$"):
        pages_of(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("values", "grays"),
    [((0, 51 * 256 + 7, 65535), (0, 51, 255)), ((0, 70000, 140000), (0, 127, 255)), ((0, 17, 65536), (0, 0, 255))],
)
def test_whole_numbers_of_32_bits_do_not_wrap(values, grays, tmp_path):
    """What fits 16 bits is the high byte; what does not, is between the least and the most."""
    Image.fromarray(np.array([values], np.int32)).save(tmp_path / "a.tif")
    assert pages_of(tmp_path / "a.tif")[0][0, :, 0].tolist() == list(grays)


def test_numbers_without_a_sign_are_not_taken_for_negative_ones(tmp_path):
    picture = Image.fromarray(np.array([[0, 3 << 30, 1 << 30]], np.uint32).view(np.int32))
    picture.save(tmp_path / "a.tif")
    whole, tag = (tmp_path / "a.tif").read_bytes(), b"\x53\x01\x03\x00\x01\x00\x00\x00"  # 339, of one 16-bit number
    assert whole.count(tag + b"\x02") == 1
    (tmp_path / "a.tif").write_bytes(whole.replace(tag + b"\x02", tag + b"\x01"))
    with Image.open(tmp_path / "a.tif") as held:
        assert held.mode == "I" and held.tag_v2[339] == (1,), "the case is there"
    assert pages_of(tmp_path / "a.tif")[0][0, :, 0].tolist() == [0, 255, 85]


def form(value):
    """Bytes of a PDF by hand (ISO 32000-1, 12.7): a page of 72 points with one field of text, drawn by its value."""
    look = b"/Tx BMC q BT /F 20 Tf 0 g 2 8 Td (%s) Tj ET Q EMC" % value
    parts = (
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]/DR<</Font<</F 6 0 R>>>>/DA(/F 20 Tf 0 g)>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]/Annots[4 0 R]>>",
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(%s)/Rect[4 20 68 50]/P 3 0 R/F 4/DA(/F 20 Tf 0 g)"
        b"/AP<</N 5 0 R>>>>" % value,
        b"<</Type/XObject/Subtype/Form/BBox[0 0 64 30]/Resources<</Font<</F 6 0 R>>>>/Length %d>>stream\n%s\nendstream"
        % (len(look), look),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    whole, places = b"%PDF-1.7\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(whole))
        whole += b"%d 0 obj%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer<</Size 7/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(whole)
    return whole + b"xref\n0 7\n0000000000 65535 f \n" + table + end


def test_a_form_is_drawn_with_what_it_is_filled_with(tmp_path):
    inks = []
    for name, value in (("filled", b"MMM"), ("empty", b"")):
        (tmp_path / f"{name}.pdf").write_bytes(form(value))
        (page,) = pages_of(tmp_path / f"{name}.pdf", dpi=72)
        inks.append(int((page.max(-1) < 80).sum()))
    assert inks[0] > 100 and inks[1] == 0


def test_pixels_without_a_range_are_refused(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(KerasVisionError, match="a.tif, page 1, cannot be read: its pixels are real numbers"):
        pages_of(tmp_path / "a.tif")
