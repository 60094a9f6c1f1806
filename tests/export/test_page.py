"""The page in headless Chromium: it verifies as the Python client does, answers as that does, and works offline."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from kerasvision.edge import open_client
from kerasvision.edge.golden import decides_alike
from kerasvision.edge.independent import decode
from kerasvision.edge.verifying import in_words, verify
from tests import store
from tests.contract import brief
from tests.contract.cases import CaseSamples
from tests.export.page_browser import (  # noqa: F401  fixtures
    ARTIFACTS,
    READY,
    asked,
    chromium,
    decoded,
    hand_over,
    page,
    runtime,
    served,
    verified,
    with_page,
)
from tests.waiting import until


@pytest.fixture(scope="module")
def digits(digits_exports, runtime, tmp_path_factory):  # noqa: F811
    """The folder of a page with four files. Tests must not change it."""
    package = digits_exports[2] / "tflite" / "models" / "digits"
    return with_page(package, tmp_path_factory.mktemp("page") / "digits", runtime)


@pytest.fixture(scope="module")
def address(digits):
    with served(digits) as place:
        yield place


def without_numbers(line):
    """A line of `verify` without how far the answers were off, which is each runtime's own."""
    return re.sub(r"answers \S+ of", "answers of", line)


def encoded(image, form="PNG", **options):
    held = io.BytesIO()
    image.save(held, form, **options)
    return held.getvalue()


@pytest.fixture(scope="module")
def photo(photographs):
    return encoded(Image.fromarray(photographs["chelsea"]).resize((301, 211)), "JPEG")


def test_it_verifies_in_the_lines_of_the_python_client(page, address, digits):  # noqa: F811
    verdict, lines = verified(page, address)
    assert verdict == "pass" and len(lines) == 5 and not page.errors
    assert [without_numbers(line) for line in lines] == [without_numbers(line) for line in in_words(verify(digits))]


def spoiled(digits, folder, name, change):
    """A copy of the page with another file of that name."""
    place = with_page(digits, folder / "spoiled", {})
    (place / name).write_bytes(change((place / name).read_bytes()))
    return place


def swapped(content):
    golden = json.loads(content)
    answers = golden["artifacts"][1]["answers"]
    answers[0], answers[1] = answers[1], answers[0]
    return json.dumps(golden).encode()


def test_an_answer_beyond_its_tolerance_fails(page, digits, tmp_path):  # noqa: F811
    with served(spoiled(digits, tmp_path, "golden.json", swapped)) as place:
        verdict, lines = verified(page, place)
    assert verdict == "FAIL" and [line.endswith("FAIL") for line in lines] == [False, True, False, False, False]
    assert lines[-1] == "FAIL: 1 of 4 files"


WRONG = {
    "other bytes": ("model.tflite", lambda b: b + b"\0", "is not the file that golden.json has answers of"),
    "other labels": ("labels.txt", lambda b: b"a\n", "labels.txt has other names than contract.json"),
    "cut golden": ("golden.json", lambda b: b[:99], "golden.json is damaged: it is no JSON"),
    "newer golden": ("golden.json", lambda b: b'{"version": 2}', "golden.json has version 2"),
    "cut contract": ("contract.json", lambda b: b[:99], "contract.json is damaged: it is no JSON"),
}


def test_what_is_wrong_is_one_line(page, digits, tmp_path):  # noqa: F811
    for number, (name, change, words) in enumerate(WRONG.values()):
        with served(spoiled(digits, tmp_path / str(number), name, change)) as place:
            verdict, _ = verified(page, place)
        assert words in verdict and "\n" not in verdict


def top(page):  # noqa: F811
    return json.loads(page.get_attribute("body", "data-answer"))["top"]


def test_a_picture_is_chosen_dropped_and_pasted(page, address, digits, photo):  # noqa: F811
    page.goto(address)
    page.wait_for_selector(READY)
    page.set_input_files("#choose", {"name": "cat.jpg", "mimeType": "image/jpeg", "buffer": photo})
    page.wait_for_selector("#state:has-text('cat.jpg, 301 x 211 px')")
    expected = open_client(digits / "model.tflite").classify(photo)
    assert [row["label"] for row in top(page)] == [row["label"] for row in expected]
    np.testing.assert_allclose([r["score"] for r in top(page)], [r["score"] for r in expected], atol=2e-6)
    assert page.text_content("#rows li >> nth=0").startswith(expected[0]["label"])
    page.select_option("#file", "model_int8.tflite")
    for event, name in (("drop", "dropped.jpg"), ("paste", "pasted.jpg")):
        hand_over(page, event, name, photo)
        page.wait_for_selector(f"#state:has-text('{name}, 301 x 211 px')")
    expected = open_client(digits / "model_int8.tflite").classify(photo)
    assert [row["label"] for row in top(page)] == [row["label"] for row in expected]
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / "web_digits.png", full_page=True)
    hand_over(page, "paste", "text.txt", b"no picture")
    page.wait_for_selector("#state.bad:has-text('text.txt: the image is no JPEG, PNG')")
    hand_over(page, "paste", "cut.png", encoded(Image.new("RGB", (99, 99)))[:60])
    page.wait_for_selector("#state.bad:has-text('cut.png: the image cannot be decoded')")
    assert not page.errors


def test_it_answers_without_network(chromium, page, digits, photo):  # noqa: F811
    with served(digits) as place:
        page.goto(place)
        page.wait_for_selector(READY)
    page.reload()  # the server is gone
    page.wait_for_selector(READY)
    hand_over(page, "paste", "cat.jpg", photo)
    page.wait_for_selector("#state:has-text('cat.jpg, 301 x 211 px')")
    assert verified(page, place)[0] == "pass" and not page.errors


def test_a_new_export_takes_the_place_of_what_was_kept(page, digits, tmp_path):  # noqa: F811
    folder = with_page(digits, tmp_path / "digits", {})
    with served(folder) as place:
        page.goto(place)
        page.wait_for_selector(READY)
        contract = json.loads((folder / "contract.json").read_text())
        (folder / "contract.json").write_text(json.dumps(contract | {"version": 77}))
        with_page(folder, tmp_path / "list", {})
        (folder / "files.json").write_bytes((tmp_path / "list" / "files.json").read_bytes())
        page.reload()
        page.wait_for_selector("#name:has-text('version 77')")
        kept = page.evaluate("caches.keys()")
    assert len(kept) == 1 and json.loads((folder / "files.json").read_text())["sum"] in kept[0]


def test_the_camera_is_answered(page, address):  # noqa: F811
    page.goto(address)
    page.wait_for_selector(READY)
    page.click("#camera")
    until(lambda: int(page.get_attribute("body", "data-frames") or 0) >= 3)
    assert len(top(page)) == 5
    page.click("#camera")
    page.wait_for_selector("#camera:text-is('camera')")
    page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('no device')); }")
    page.click("#camera")
    page.wait_for_selector("#state.bad:has-text('there is no camera: no device')")
    assert not page.errors


def turned(image, orientation, form):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(image, form, exif=exif)


def pictures(photographs):
    """{name: bytes}: odd sizes, turned, gray, transparent, a palette, a color key, 16 bits."""
    cat, man = (Image.fromarray(photographs[name]) for name in ("chelsea", "astronaut"))
    small, gray = cat.resize((97, 61)), man.convert("L").resize((77, 70))
    clear = np.dstack([np.asarray(small), np.tile(np.linspace(0, 255, 97).astype(np.uint8), (61, 1))])
    high = (np.asarray(gray).astype(np.uint16) * 257).clip(13) - 13
    key = tuple(int(v) for v in np.asarray(small)[0, 0])
    return {
        "jpeg": encoded(cat.resize((301, 211)), "JPEG", quality=90),
        "progressive": encoded(man.resize((155, 203)), "JPEG", progressive=True),
        "png": encoded(small),
        **{f"jpeg {turn}": turned(small, turn, "JPEG") for turn in range(2, 9)},
        "png 6": turned(small, 6, "PNG"),
        "webp 8": turned(small, 8, "WEBP"),
        "gray": encoded(gray),
        "gray jpeg": encoded(gray, "JPEG"),
        "transparent": encoded(Image.fromarray(clear)),
        "palette": encoded(small.quantize(64)),
        "color key": encoded(small, transparency=key),
        "16 bits": encoded(Image.fromarray(high)),
        "gif": encoded(small, "GIF"),
        "bmp": encoded(small, "BMP"),
        "one pixel": encoded(cat.resize((1, 1))),
    }


def test_pictures_are_decoded_as_by_the_contract(page, address, photographs):  # noqa: F811
    """Within a gray level; JPEG within three: decoders may differ by one in each of luma and chroma."""
    page.goto(address)
    page.wait_for_selector(READY)
    for name, content in pictures(photographs).items():
        for rule in ("applied", "ignored"):
            height, width, pixels = decoded(page, content, rule)
            theirs, most = decode(content, rule), 3 if content[:2] == b"\xff\xd8" else 1
            mine = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
            assert mine.shape == theirs.shape, name
            assert np.abs(mine.astype(int) - theirs).max() <= most, name


@pytest.fixture(scope="module")
def cases():
    """The data of contract tests, registered."""
    from kerasvision.core.registry import sources

    sources.register("contract_case")(CaseSamples)
    yield
    sources._parts.pop("contract_case")


FAMILIES = [
    "detection/retinanet",
    pytest.param("semantic_segmentation/unet", marks=pytest.mark.nightly),
    pytest.param("instance_segmentation/mask_rcnn", marks=pytest.mark.nightly),
    pytest.param("embedding/pairs", marks=pytest.mark.nightly),
    pytest.param("text_detection/db", marks=pytest.mark.nightly),
]
OBJECTS = {
    "rule": "objects",
    "keys": {key: key for key in ("boxes_xyxy", "labels", "scores", "count")},
    "order": "xyxy",
}


def same(name, mine, theirs):
    """Whether an answer of the page is that of the Python client. Boxes: in any order, as equal scores have none."""
    values = {key: np.asarray(held) for key, held in mine["values"].items()}
    if "mask" in theirs:
        return (values["mask"].reshape(theirs["mask"].shape) == theirs["mask"]).mean() >= 0.99
    if "embedding" in theirs:
        return float(values["embedding"] @ theirs["embedding"]) >= 0.999
    if "quads_xy" in theirs:
        return np.allclose(values["quads_xy"], theirs["quads_xy"].ravel(), atol=0.01)
    if "masks" in theirs:  # of a float file alone, whose scores are not equal
        count = int(theirs["count"])
        masks = values["masks"].reshape(theirs["masks"].shape)
        if np.abs(masks[:count] - theirs["masks"][:count]).max(initial=0) > 1e-3:
            return False
    return decides_alike(values, {k: np.asarray(v) for k, v in theirs.items()}, OBJECTS, iou=0.95)


@pytest.mark.group_by("name")
@pytest.mark.parametrize("name", FAMILIES)
def test_boxes_masks_and_vectors_are_those_of_the_python_client(
    name,
    cases,
    page,  # noqa: F811
    runtime,  # noqa: F811
    photographs,
    tmp_path,
):
    recipe = brief.recipe_of(name)
    kept = store.exported(recipe, brief.case_of(name).exports, None)[2]  # of tests/contract/test_exports.py
    folder = with_page(kept / "tflite" / "models" / recipe.name, tmp_path / "page", runtime)
    files = sorted(path.name for path in folder.glob("*.tflite"))
    with served(folder) as place:
        verdict, lines = verified(page, place)
        assert verdict == "pass"
        assert [without_numbers(line) for line in lines] == [without_numbers(line) for line in in_words(verify(folder))]
        page.goto(place)
        page.wait_for_selector(READY)
        for file in files:
            client = open_client(folder / file)
            for said, content in list(pictures(photographs).items())[:6]:
                assert same(name, asked(page, content, file), client.predict(content)), (file, said)
        known = brief.case_of(name).samples()[0]["image"]  # what the model has been trained on
        hand_over(page, "paste", "known.png", encoded(Image.fromarray(known)))
        page.wait_for_selector("#state:has-text('known.png, ')")
        ARTIFACTS.mkdir(exist_ok=True)
        page.screenshot(path=ARTIFACTS / f"web_{recipe.name}.png", full_page=True)
    assert not page.errors
