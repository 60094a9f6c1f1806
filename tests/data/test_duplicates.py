"""Fingerprints and the search for duplicates, against plain loops."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from kerasvision.data.inspect import duplicates, facts


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_dhash_equals_its_definition(noise):
    image = noise(3, size=(9, 8))  # no resampling: the formula is seen bare
    gray = np.asarray(image.convert("L")).astype(int)
    bits = "".join("1" if gray[y, x + 1] > gray[y, x] else "0" for y in range(8) for x in range(8))
    assert facts.fingerprint(image)[0] == int(bits, 2)


def test_a_flat_picture_has_no_hash():
    assert facts.fingerprint(Image.new("RGB", (40, 30), (9, 99, 200)))[0] is None


def test_near_equals_plain_loops(monkeypatch):
    monkeypatch.setattr(duplicates, "_AT_ONCE", 7)  # many blocks
    monkeypatch.setattr(duplicates, "_ROWS", 11)
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, 60, dtype=np.uint64)
    thumbs = rng.integers(0, 256, (60, 16, 16)).astype(np.uint8)
    for i in range(30):  # copies with 0 to 9 bits flipped and more and more noise
        flips = rng.permutation(64)[: i % 10]
        hashes[30 + i] = hashes[i] ^ np.uint64(sum(1 << int(b) for b in flips))
        thumbs[30 + i] = np.clip(thumbs[i] + rng.normal(0, i, (16, 16)), 0, 255)
    want = []
    for i in range(60):
        for j in range(i + 1, 60):
            bits = bin(int(hashes[i]) ^ int(hashes[j])).count("1")
            if bits <= 4 and np.corrcoef(thumbs[i].ravel(), thumbs[j].ravel())[0, 1] >= 0.995:
                want.append([i, j])
    assert 3 < len(want) < 15
    assert sorted(duplicates.near(hashes, thumbs).tolist()) == want


def test_copies_that_were_worked_on_are_near_and_other_photographs_are_not():
    data = pytest.importorskip("skimage.data")
    photos = [Image.fromarray(getattr(data, name)()) for name in ("astronaut", "chelsea", "coffee", "rocket")]
    versions, origin = [], []
    for number, photo in enumerate(photos):
        half = photo.resize((photo.width // 2, photo.height // 2))
        bright = ImageEnhance.Brightness(photo).enhance(1.15)
        contents = [encoded(photo), encoded(photo, "JPEG", quality=30), encoded(half, "WEBP"), encoded(bright, "JPEG")]
        versions += [facts.of_bytes(c) for c in contents]
        origin += [number] * len(contents)
    pairs = duplicates.near([v.dhash for v in versions], np.stack([v.thumb for v in versions]))
    assert {(i, j) for i, j in pairs.tolist()} == {
        (i, j) for i in range(16) for j in range(i + 1, 16) if origin[i] == origin[j]
    }


def test_chains():
    assert duplicates.chains([[0, 3], [3, 5], [1, 2]], 7) == [[0, 3, 5], [1, 2]]
    assert duplicates.chains([], 4) == []


def test_nothing_to_compare():
    assert duplicates.near([], np.zeros([0, 16, 16])).shape == (0, 2)


WANTED = {
    "rotated.jpg": {"exif_orientation"},
    "gray.jpg": {"grayscale"},
    "cmyk.jpg": {"cmyk"},
    "rgb.png": set(),
    "one_bit.png": {"grayscale"},
    "palette.png": set(),
    "palette_clear.png": {"alpha"},
    "rgba.png": {"alpha"},
    "la.png": {"alpha", "grayscale"},
    "deep.png": {"grayscale", "sixteen_bit"},
    "color_key.png": {"color_key"},
    "rgba.bmp": set(),
    "animated.gif": {"animated"},
    "clear.gif": {"gif_transparency"},
    "lossy.webp": set(),
    "rgba.webp": {"alpha"},
    "animated.webp": {"animated"},
}


@pytest.mark.parametrize("name", WANTED)
def test_traits(name, zoo):
    seen = facts.of_bytes(zoo[name].read_bytes())
    assert seen.traits == WANTED[name]
    assert (seen.height, seen.width) == ((77, 101) if name == "rotated.jpg" else (101, 77))
    assert seen.format == zoo[name].suffix[1:].replace("jpg", "jpeg")
    assert seen.problem is None


def test_facts_of_pixels_and_of_damage(zoo):
    gray = np.repeat(np.arange(64, dtype=np.uint8).reshape(8, 8, 1), 3, axis=-1)
    assert facts.of_array(gray).traits == {"grayscale"}
    assert facts.of_array(gray + np.array([0, 1, 0], np.uint8)).traits == set()
    assert facts.of_bytes(zoo["rgb.png"].read_bytes()[:500]).problem == "cut off or damaged"
    assert facts.of_bytes(b"text").problem == "it is no JPEG, PNG, GIF, BMP or WebP"


def test_the_search_ends_among_frames_that_are_all_alike(monkeypatch):
    monkeypatch.setattr(duplicates, "_AT_ONCE", 10)
    monkeypatch.setattr(duplicates, "MAX_PAIRS", 500)
    thumbs = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 16, 16)), 200, axis=0)
    pairs = duplicates.near(np.full(200, 99, np.uint64), thumbs)
    assert 500 < len(pairs) <= 600
