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


def test_pixels_without_a_range_are_refused(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(KerasVisionError, match="a.tif, page 1, cannot be read: its pixels are real numbers"):
        pages_of(tmp_path / "a.tif")
