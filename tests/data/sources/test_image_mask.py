"""What masks hold: every format gives the same ids, and what cannot be ids is refused."""

import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import sources

H, W, COUNT = 18, 22, 6
NAMES = ("background", "cat", "dog", "eel")
COLORS = ((0, 0, 0), (200, 10, 10), (10, 200, 10), (200, 10, 200))
VOID = (224, 224, 192)
VALUES = (7, 300, 26, 11)
NO_SPLITS = {"validation_fraction": 0.0, "test_fraction": 0.0}


def ids_of(number, void=True):
    """uint8 [H, W]: four classes and perhaps 255, each in every mask."""
    rng = np.random.default_rng(number)
    ids = rng.permutation(np.arange(H * W) % 4).reshape(H, W).astype(np.uint8)
    ids[2:5, 3 : 8 + number] = 255 if void else 0
    return ids


def gray(ids):
    return Image.fromarray(ids)


def palette(ids, **options):
    """Of colors whose gray is no id: class 1 is light, class 0 dark."""
    picture = Image.fromarray(ids).convert("L")
    picture.putpalette(np.random.default_rng(5).permutation(768 * 3)[:768].astype(np.uint8).tobytes())
    return picture


def colored(ids):
    table = np.zeros((256, 3), np.uint8)
    table[:4], table[255] = COLORS, VOID
    return Image.fromarray(table[ids])


def colored_palette(ids):
    """Indices in another order than the classes."""
    order = np.zeros(256, np.uint8)
    order[[0, 1, 2, 3, 255]] = 3, 0, 4, 1, 2
    picture = Image.fromarray(order[ids])
    picture.putpalette([v for c in (COLORS[1], COLORS[3], VOID, COLORS[0], COLORS[2]) for v in c])
    return picture


def valued(ids):
    table = np.zeros(256, np.uint16)
    table[:4], table[255] = VALUES, 65535
    return Image.fromarray(table[ids])


def raw_png(ids, bits):
    """A gray PNG of 1, 2 or 4 bits a pixel, which Pillow does not write."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    each = np.unpackbits(ids[..., None], axis=-1)[..., -bits:].reshape(len(ids), -1)
    rows = b"".join(b"\0" + row.tobytes() for row in np.packbits(each, axis=1))
    header = struct.pack(">IIBBBBB", ids.shape[1], ids.shape[0], bits, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# name -> (ids -> picture or bytes, whether it can hold 255, fields)
FORMATS = {
    "gray": (gray, True, {}),
    "gray 16": (lambda ids: Image.fromarray(ids.astype(np.uint16)), True, {}),
    "gray 4": (lambda ids: raw_png(ids, 4), False, {}),
    "gray 2": (lambda ids: raw_png(ids, 2), False, {}),
    "palette": (palette, True, {}),
    "gray as rgb": (lambda ids: gray(ids).convert("RGB"), True, {}),
    "gray as rgba": (lambda ids: gray(ids).convert("RGBA"), True, {}),
    "colors": (colored, True, {"colors": COLORS, "ignore_colors": (VOID,)}),
    "colors in a palette": (colored_palette, True, {"colors": COLORS, "ignore_colors": (VOID,)}),
    "values": (valued, True, {"values": VALUES, "ignore": (65535, 0)}),
}


@pytest.fixture
def folder(tmp_path, noise):
    """folder(format, void): COUNT images and masks of a format."""

    def make(write=gray, void=True, count=COUNT):
        for name in ("images", "masks"):
            (tmp_path / name).mkdir(exist_ok=True)
        for number in range(count):
            noise(number, (W, H)).save(tmp_path / "images" / f"{number}.png")
            held = write(ids_of(number, void))
            file = tmp_path / "masks" / f"{number}.png"
            file.write_bytes(held) if isinstance(held, bytes) else held.save(file)
        return tmp_path

    return make


def opened(path, **fields):
    return sources["image_mask"](path=str(path), **(NO_SPLITS | fields)).open()


def samples(path, **fields):
    split = opened(path, **fields).splits["train"]
    return list(split.records.map(split.read).as_numpy_iterator())


def refusal(path, kind=KerasVisionError, **fields):
    with pytest.raises(kind) as error:
        opened(path, **fields)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_ids(folder, name):
    write, void, fields = FORMATS[name]
    root = folder(write, void)
    held = samples(root, classes=NAMES, **fields)
    assert len(held) == COUNT
    for number, sample in enumerate(held):
        np.testing.assert_array_equal(sample["mask"], ids_of(number, void))
        assert sample["mask"].dtype == np.uint8
        assert sample["path"].decode() == str(root / "images" / f"{number}.png")
        assert sample["image_bytes"] == (root / "images" / f"{number}.png").read_bytes()
        assert set(sample) == {"image_bytes", "mask", "path"}


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_palette_of_few_bits(folder, bits):
    root = folder(palette, False)
    for file in (root / "masks").iterdir():
        with Image.open(file) as picture:
            picture.save(file, bits=bits)
        assert file.read_bytes()[24:26] == bytes([bits, 3])
    for number, sample in enumerate(samples(root)):
        np.testing.assert_array_equal(sample["mask"], ids_of(number, False))
        shown = tf.io.decode_png(tf.io.read_file(str(root / "masks" / f"{number}.png")), channels=1)
        assert (shown[..., 0] != sample["mask"]).numpy().any()  # why masks are not read by TensorFlow


@pytest.fixture
def faces(tmp_path, noise):
    """faces(overlap): one file a class, and pixels 255; picture 1 has no eel, picture 2 nothing but an empty file."""

    def make(overlap=False):
        (tmp_path / "images").mkdir()
        for number in range(3):
            noise(number, (W, H)).save(tmp_path / "images" / f"{number}.png")
            for label, name in enumerate(NAMES[1:], 1):
                where = ids_of(number, False) == label
                where[0, 0] |= overlap
                (tmp_path / "masks" / name).mkdir(parents=True, exist_ok=True)
                if number == 0 or (number, name) in [(1, "cat"), (1, "dog")] or (number, name) == (2, "cat"):
                    pixels = where & (number < 2)
                    gray(255 * pixels.astype(np.uint8)).save(tmp_path / "masks" / name / f"{number}.png")
        return tmp_path

    return make


def test_one_file_a_class(faces):
    root = faces()
    assert opened(root).classes == NAMES
    first, second, third = (s["mask"] for s in samples(root))
    np.testing.assert_array_equal(first, ids_of(0, False))
    np.testing.assert_array_equal(second, np.where(ids_of(1, False) == 3, 0, ids_of(1, False)))
    assert not third.any()
    held = opened(root, classes=("dog", "cat", "eel"))
    assert held.classes == ("background", "dog", "cat", "eel")
    np.testing.assert_array_equal(
        samples(root, classes=("dog", "cat", "eel"))[0]["mask"], np.array([0, 2, 1, 3])[ids_of(0, False)]
    )
    assert "none of the classes: eel" in refusal(root, classes=("cat", "dog"))
    assert "ignore with one file a class" in refusal(root, UsageError, ignore=(255,))


def test_where_two_classes_overlap_the_later_named_is_on_top(faces):
    root = faces(overlap=True)
    assert "masks/0 (" in refusal(root) and " pixels of two classes)" in refusal(root)
    for names in (NAMES, ("background", "eel", "dog", "cat")):
        assert samples(root, classes=names)[0]["mask"][0, 0] == 3
    (root / "classes.txt").write_text("cat\neel\ndog\n")
    assert samples(root)[0]["mask"][0, 0] == 3
    assert opened(root).classes == ("background", "cat", "eel", "dog")


def test_names_of_classes(folder):
    root = folder()
    assert opened(root).classes == ("class_0", "class_1", "class_2", "class_3")
    (root / "masks" / "classes.txt").write_text("\n".join(NAMES) + "\n\n")
    assert opened(root).classes == NAMES
    assert opened(root, classes=(*NAMES, "fox")).classes == (*NAMES, "fox")
    assert "3 classes (background, cat, dog): 6 masks hold what is no class: masks/0.png (value 3), " in refusal(
        root, classes=NAMES[:3]
    )
    assert "name the background too" in refusal(root, classes=("cat",))


def test_values_without_names_have_no_gap(folder):
    root = folder(lambda ids: gray(np.where(ids == 255, 255, 40 * ids)))
    assert "the values 0, 40, 80, 120, which are not 0, 1, 2, ...; name the classes" in refusal(root)
    held = opened(root, values=(0, 40, 80, 120))
    assert held.classes == ("class_0", "class_1", "class_2", "class_3")
    np.testing.assert_array_equal(samples(root, values=(0, 40, 80, 120))[1]["mask"], ids_of(1))


def binary(ids):
    return gray(np.where(ids == 1, 255, 0).astype(np.uint8))


def test_masks_of_0_and_255(folder):
    root = folder(binary, False)
    held = opened(root)
    assert held.classes == ("background", "foreground")
    (line,) = held.dropped
    assert line.startswith("binary: masks of 0 and 255, read as 'background' and 'foreground', in 6 of 6 files;")
    for fields in ({}, {"classes": ("road", "hole")}, {"values": (0, 255)}):
        np.testing.assert_array_equal(samples(root, **fields)[2]["mask"], ids_of(2, False) == 1)
    assert not opened(root, values=(0, 255)).dropped
    assert "the masks hold the value 0 only" in refusal(root, ignore=(255,))
    fields = {"ignore": (255,), "classes": NAMES[:2]}
    np.testing.assert_array_equal(np.unique(samples(root, **fields)[2]["mask"]), [0, 255])
    assert not opened(root, **fields).dropped
    assert "3 classes (background, cat, dog), and masks hold 0 and 255 only" in refusal(root, classes=NAMES[:3])


def test_ignored_values(folder):
    root = folder()
    held = samples(root, classes=NAMES, ignore=(255, 2))
    np.testing.assert_array_equal(held[0]["mask"], np.where(ids_of(0) == 2, 255, ids_of(0)))
    assert "6 masks hold what is no class: masks/0.png (value 255), " in refusal(root, classes=NAMES, ignore=())


def test_what_is_no_class_is_named_with_its_file(folder):
    root = folder(colored)
    line = refusal(root, colors=COLORS)
    assert f"6 masks hold what is no class: masks/0.png (color {VOID}), " in line
    assert "ignore_colors" in line
    line = refusal(root, colors=COLORS[:2], ignore_colors=(VOID,))
    assert any(f"masks/0.png (color {a}, {b})" in line for a, b in (COLORS[2:], COLORS[:1:-1]))
    assert "colors=((r, g, b), ...) would say which class each is" in refusal(root)
    Image.fromarray(np.full((H, W), 1000, np.uint16)).save(root / "masks" / "3.png")
    for number in (0, 1, 2, 4, 5):
        gray(ids_of(number)).save(root / "masks" / f"{number}.png")
    assert "1 masks hold what is no class: masks/3.png (value 1000); " in refusal(root)
    clear = gray(ids_of(3)).convert("RGBA")
    clear.putpixel((3, 4), (0, 0, 0, 0))
    clear.save(root / "masks" / "3.png")
    assert "masks/3.png (transparent pixels, which are no class)" in refusal(root)


def test_wrong_sizes(folder):
    root = folder()
    gray(ids_of(1)[:, :-2]).save(root / "masks" / "1.png")
    expected = f"1 masks are not of their image's size: images/1.png and masks/1.png ({W - 2} x {H} pixels, its image "
    assert expected + f"{W} x {H})" in refusal(root)
    gray(ids_of(1).T).save(root / "masks" / "1.png")  # as many pixels
    assert f"({H} x {W} pixels, its image {W} x {H})" in refusal(root)


def test_unreadable_masks(folder):
    root = folder()
    (root / "masks" / "1.png").write_bytes((root / "masks" / "1.png").read_bytes()[:80])
    (root / "masks" / "2.png").write_bytes(b"")
    gray(ids_of(3)).save(root / "masks" / "3.jpg")
    (root / "masks" / "3.png").unlink()
    line = refusal(root)
    assert "3 of 6 masks cannot be read: masks/1.png (cut off or damaged), masks/2.png (0 bytes), masks/3.jpg" in line
    assert "(JPEG; a mask must be a PNG, which keeps every value)" in line
    held = opened(root, skip_unreadable=True)
    assert held.splits["train"].size == 3
    unreadable, guess = held.dropped[:3], held.dropped[3:]
    assert [line.split()[:2] for line in unreadable] == [
        ["unreadable:", f"masks/{n}"] for n in ("1.png", "2.png", "3.jpg")
    ]
    assert [line.split()[:2] for line in guess] == [["ignored:", "255,"]]
    np.testing.assert_array_equal(samples(root, skip_unreadable=True)[1]["mask"], ids_of(4))
