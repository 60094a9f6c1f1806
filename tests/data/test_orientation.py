"""EXIF orientations: each format, each tag, each task, against Pillow's `exif_transpose` and drawn pixels."""

import io
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.core.component import hints
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create, sources
from kerasvision.data.decode import decode, decode_present, image_hw, look, on_host, stored
from kerasvision.data.inspect import check as checking
from kerasvision.data.inspect.convert import convert
from kerasvision.data.pipeline import raw_examples
from kerasvision.inference.served import Served
from tests.data.by_pillow import chunk, exif_of, expected, riff, segment, written

TAGS = range(1, 9)
BOX = (4, 30, 14, 44)  # x1, y1, x2, y2 of the red part of the upright picture
TURN = Image.Transpose
BACK = {2: TURN.FLIP_LEFT_RIGHT, 3: TURN.ROTATE_180, 4: TURN.FLIP_TOP_BOTTOM, 5: TURN.TRANSPOSE, 6: TURN.ROTATE_90}
BACK |= {7: TURN.TRANSVERSE, 8: TURN.ROTATE_270}  # upright -> stored


WHOLE = {"validation_fraction": 0.0, "test_fraction": 0.0}
SLOW = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("png behind", "webp lossless")]  # seconds each
KINDS = ["jpeg big", *SLOW]


def drawn(seed=0):
    """48 high, 32 wide: gray noise, with a red part."""
    pixels = np.repeat(np.random.default_rng(seed).integers(120, 200, (48, 32, 1), dtype=np.uint8), 3, -1)
    x1, y1, x2, y2 = BOX
    pixels[y1:y2, x1:x2] = (255, 0, 0)
    return Image.fromarray(pixels)


def turned_back(image, tag):
    return image if tag == 1 else image.transpose(BACK[tag])


def after_first(data, part):
    return data[:2] + part + data[2:]


def in_png(data, part, behind):
    at = data.rindex(b"IEND") - 4 if behind else data.index(b"IDAT") - 4
    return data[:at] + part + data[at:]


def in_webp(image, exif, **options):
    return written(image, "WEBP", exif=exif, **options)


FORMATS = {
    "jpeg big": lambda i, t: after_first(jpeg(i), segment(0xE1, b"Exif\0\0" + exif_of(t))),
    "jpeg little": lambda i, t: after_first(jpeg(i), segment(0xE1, b"Exif\0\0" + exif_of(t, big=False))),
    "jpeg behind others": lambda i, t: behind_others(i, t),
    "jpeg long": lambda i, t: after_first(jpeg(i), segment(0xE1, b"Exif\0\0" + exif_of(t, kind=4))),
    "jpeg two": lambda i, t: after_first(jpeg(i), segment(0xE1, b"Exif\0\0" + exif_of(t, count=2))),
    "png before": lambda i, t: in_png(written(i, "PNG"), chunk(b"eXIf", exif_of(t)), False),
    "png behind": lambda i, t: in_png(written(i, "PNG"), chunk(b"eXIf", exif_of(t, big=False)), True),
    "webp lossless": lambda i, t: in_webp(i, exif_of(t), lossless=True),
    "webp prefix": lambda i, t: in_webp(i, b"Exif\0\0" + exif_of(t, big=False), quality=90),
}


def jpeg(image):
    return written(image, "JPEG", quality=98, subsampling=0)


def behind_others(image, tag):
    """The segment behind JFIF, a profile, XMP, a comment with its name, a fill byte and the tables."""
    data = written(image, "JPEG", quality=98, subsampling=0, icc_profile=b"p" * 70_000, comment=b"Exif\0\0 is here")
    at = data.index(b"\xff\xc0")
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>")
    before = ((0x0100, 4, 1, 32), (0x010F, 2, 4, 0x41424300))
    return data[:at] + xmp + b"\xff" + segment(0xE1, b"Exif\0\0" + exif_of(tag, before=before)) + data[at:]


SUFFIX = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}


def files_of(folder, kind, tags=TAGS):
    """Writes a picture for each tag; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{i}{SUFFIX[kind.split()[0]]}" for i in range(len(tags))]
    for i, (name, tag) in enumerate(zip(names, tags, strict=True)):
        (folder / name).write_bytes(FORMATS[kind](turned_back(drawn(i), tag), tag))
    return names


def shown(tag, orientation):
    """(box, (height, width)) of the red part and of the picture, upright or as stored."""
    image = drawn() if orientation == "upright" else turned_back(drawn(), tag)
    return red_of(image), (image.height, image.width)


def red_of(image):
    """x1, y1, x2, y2 of the red part."""
    pixels = np.asarray(image).astype(int)
    rows, columns = np.nonzero(pixels[..., 0] - pixels[..., 1] > 128)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.fixture(scope="module")
def lower_part():
    """A window that the size of the image says."""
    cut = tf.function(autograph=False, input_signature=[tf.TensorSpec([], tf.string)])
    return cut(lambda data: decode(data, lambda hw: tf.stack([hw[0] // 2, 1, hw[0] // 2, hw[1] - 1])))


@pytest.fixture(scope="module")
def windowed():
    specs = [tf.TensorSpec([], tf.string), tf.TensorSpec([4], tf.int32)]
    return tf.function(decode, input_signature=specs, autograph=False)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("tag", TAGS)
def test_pixels_windows_and_sizes_equal_pillow(tag, kind, windowed, lower_part):
    data = FORMATS[kind](turned_back(drawn(), tag), tag)
    want = expected(data)
    assert want.shape == (48, 32, 3) and red_of(want) == BOX  # Pillow has seen the tag
    encoded = tf.constant(data)
    np.testing.assert_array_equal(on_host(decode)(encoded), want)
    np.testing.assert_array_equal(on_host(decode_present)(encoded)["image"], want)
    np.testing.assert_array_equal(on_host(image_hw)(encoded), [48, 32])
    assert int(on_host(look)(encoded)["orientation"]) == tag
    for y, x, h, w in ((0, 0, 48, 32), (30, 4, 14, 10), (5, 20, 17, 12), (47, 31, 1, 1)):
        np.testing.assert_array_equal(windowed(encoded, tf.constant([y, x, h, w])), want[y : y + h, x : x + w])
    np.testing.assert_array_equal(lower_part(encoded), want[24:, 1:])
    plain = on_host(stored)(encoded)
    np.testing.assert_array_equal(on_host(decode)(plain), np.asarray(turned_back(Image.fromarray(want), tag)))


ILL = {
    "none of 1 to 8": exif_of(9),
    "0": exif_of(0),
    "three values": exif_of(6, count=3),
    "text": exif_of(6, kind=2),
    "no order": b"XX" + exif_of(6)[2:],
    "cut off": exif_of(6)[:15],
    "beyond": b"MM\0*\0\0\xff\xff" + exif_of(6)[8:],
    "negative": b"MM\0*\xff\xff\xff\xff" + exif_of(6)[8:],
    "empty": b"",
}


@pytest.mark.parametrize("name", ILL)
def test_an_ill_formed_tag_is_none(name):
    image = drawn()
    for data in (
        after_first(jpeg(image), segment(0xE1, b"Exif\0\0" + ILL[name])),
        in_png(written(image, "PNG"), chunk(b"eXIf", ILL[name]), False),
    ):
        np.testing.assert_array_equal(on_host(decode)(tf.constant(data)), np.asarray(Image.open(io.BytesIO(data))))
        assert int(on_host(look)(tf.constant(data))["orientation"]) == 1


def test_a_webp_without_the_flag_has_no_tag():
    plain = written(drawn(), "WEBP", lossless=True)
    data = plain + riff(b"EXIF", exif_of(6))
    assert int(on_host(look)(tf.constant(data))["orientation"]) == 1
    np.testing.assert_array_equal(on_host(decode)(tf.constant(data)), expected(data))


@pytest.mark.parametrize("orientation", ["upright", "stored"])
@pytest.mark.parametrize("kind", KINDS)
def test_classification(kind, orientation, tmp_path):
    """All tags in one set: what training is given, and what a client would send."""
    lines = [f"{name},{'ab'[i % 2]}" for i, name in enumerate(files_of(tmp_path, kind))]
    (tmp_path / "list.csv").write_text("\n".join(["file,label", *lines]))
    source = create("sources/manifest", path=str(tmp_path / "list.csv"), orientation=orientation, **WHOLE)
    for tag, (inputs, _) in read(source, create("classification/classifier", image_size=(32, 32))):
        box, hw = shown(tag, orientation)
        assert inputs["image"].shape[1:3] == hw and red_of(inputs["image"][0]) == box


def read(source, arch):
    """(tag of the file's number, (inputs, ground_truth)) of each."""
    for inputs, ground_truth, (name,) in raw_examples(source.open().splits["train"], arch, batch_size=1):
        yield int(name.rsplit("/", 1)[-1].split(".")[0]) + 1, (inputs, ground_truth)


def write_coco(folder, names, orientation, tags=TAGS):
    document = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "red"}]}
    for i, (name, tag) in enumerate(zip(names, tags, strict=True)):
        (x1, y1, x2, y2), (h, w) = shown(tag, orientation)
        document["images"].append({"id": i, "file_name": name, "height": h, "width": w})
        box = [int(v) for v in (x1, y1, x2 - x1, y2 - y1)]
        document["annotations"].append({"id": i, "image_id": i, "category_id": 1, "bbox": box})
    (folder / "train.json").write_text(json.dumps(document))


@pytest.mark.parametrize("orientation", ["upright", "stored"])
@pytest.mark.parametrize("kind", KINDS)
def test_boxes(kind, orientation, tmp_path):
    names = files_of(tmp_path, kind)
    write_coco(tmp_path, names, orientation)
    source = create("sources/coco", path=str(tmp_path), orientation=orientation, **WHOLE)
    for tag, (inputs, ground_truth) in read(source, create("detection/yolo", image_size=(64, 64))):
        assert red_of(inputs["image"][0]) == shown(tag, orientation)[0]
        np.testing.assert_array_equal(ground_truth["boxes_xyxy"][0], [shown(tag, orientation)[0]])
    other = {"upright": "stored", "stored": "upright"}[orientation]
    said = f"4 images have an EXIF orientation, and their labels state the size of {orientation} pixels"
    with pytest.raises(KerasVisionError, match=f"{said}.* set orientation='{orientation}'"):
        create("sources/coco", path=str(tmp_path), orientation=other, **WHOLE).open()


@pytest.mark.parametrize("orientation", ["upright", "stored"])
def test_yolo_and_what_is_converted(orientation, tmp_path):
    """Lines of parts of the sides; converted pictures need no tag where labels were drawn on stored pixels."""
    names = files_of(tmp_path / "images", "jpeg big")
    (tmp_path / "labels").mkdir()
    for tag, name in zip(TAGS, names, strict=True):
        (x1, y1, x2, y2), (h, w) = shown(tag, orientation)
        line = f"0 {(x1 + x2) / 2 / w} {(y1 + y2) / 2 / h} {(x2 - x1) / w} {(y2 - y1) / h}\n"
        (tmp_path / "labels" / name).with_suffix(".txt").write_text(line)
    (tmp_path / "data.yaml").write_text("train: images\nnames: [red]\n")
    source = create("sources/yolo", path=str(tmp_path / "data.yaml"), orientation=orientation, **WHOLE)
    out = create("sources/coco", path=str(convert(source, "coco", tmp_path / "out")), **WHOLE)
    for opened in (source, out):
        for tag, (inputs, ground_truth) in read(opened, create("detection/yolo", image_size=(64, 64))):
            assert inputs["image"].shape[1:3] == shown(tag, orientation)[1]
            np.testing.assert_allclose(ground_truth["boxes_xyxy"][0], [red_of(inputs["image"][0])], atol=1e-3)


def write_masks(folder, orientation, is_tagged):
    (folder / "masks").mkdir(exist_ok=True)
    for i, tag in enumerate(TAGS):
        mask = np.zeros((48, 32), np.uint8)
        mask[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 1
        mask = Image.fromarray(mask)
        data = written(mask if orientation == "upright" and not is_tagged else turned_back(mask, tag), "PNG")
        data = in_png(data, chunk(b"eXIf", exif_of(tag)), True) if is_tagged else data
        (folder / "masks" / f"{i}.png").write_bytes(data)


@pytest.mark.parametrize(("orientation", "is_tagged"), [("upright", False), ("upright", True), ("stored", False)])
@pytest.mark.parametrize("kind", KINDS)
def test_masks(kind, orientation, is_tagged, tmp_path):
    """A mask's own tag is applied as a picture's is."""
    files_of(tmp_path / "images", kind)
    write_masks(tmp_path, orientation, is_tagged)
    source = create("sources/image_mask", path=str(tmp_path), orientation=orientation, **WHOLE)
    for tag, (inputs, ground_truth) in read(source, create("semantic_segmentation/unet", image_size=(32, 32))):
        red = ground_truth["mask"][0] * 255
        assert red_of(inputs["image"][0]) == red_of(np.stack([red, 0 * red, 0 * red], -1))
        assert red.shape == shown(tag, orientation)[1]
    if not is_tagged:
        other = {"upright": "stored", "stored": "upright"}[orientation]
        with pytest.raises(KerasVisionError, match=f"size of {orientation} .* set orientation='{orientation}'"):
            create("sources/image_mask", path=str(tmp_path), orientation=other, **WHOLE).open()


@pytest.mark.parametrize("orientation", ["upright", "stored"])
def test_data_check_counts_and_says_what_sizes_speak_for(orientation, tmp_path):
    names = files_of(tmp_path, "jpeg big", (1, 3, 6, 8))
    write_coco(tmp_path, names, orientation, (1, 3, 6, 8))
    source = create("sources/coco", path=str(tmp_path), orientation=orientation, **WHOLE)
    found = {f["kind"]: f for f in checking.check(source)["findings"]}
    kind = "exif_orientation" if orientation == "upright" else "exif_taken_away"
    assert found[kind]["count"] == 3 and sorted(found[kind]["examples"]) == ["1.jpg", "2.jpg", "3.jpg"]
    says = f"2 labels state a size, which is that of {orientation} pixels; 1 say nothing of it"
    assert found["turned"]["examples"] == [f"3 images with an EXIF orientation; {says}"]


def test_every_source_of_encoded_pictures_can_say_it():
    able = {name.rsplit("/", 1)[-1] for name in sources.names() if "orientation" in hints(sources[name])}
    assert able == {"coco", "image_folder", "image_mask", "manifest", "pictures", "text_lines"} | {
        *("page_lines", "text_places", "tfds", "voc", "yolo")
    }


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(a classifier's SavedModel signature of bytes, its answer to pixels), of weights that were drawn."""
    backbone = create("backbones/convnet", width=4, blocks=(1, 1))
    arch = create("classification/classifier", image_size=(32, 32), num_classes=3, backbone=backbone)
    held = Served(arch, arch.build(), ("a", "b", "c"))
    folder = str(tmp_path_factory.mktemp("served") / "1")
    held.serving_bytes = held.serve_bytes()
    tf.saved_model.save(held, folder, {"serving_bytes": held.serving_bytes.get_concrete_function()})
    return tf.saved_model.load(folder).signatures["serving_bytes"], held.serve


@pytest.mark.parametrize("kind", ["jpeg big", "png behind", "webp lossless"])
def test_a_saved_model_of_bytes_answers_for_the_upright_picture(kind, served):
    of_bytes, of_pixels = served
    files = [FORMATS[kind](turned_back(drawn(), tag), tag) for tag in TAGS]
    got = of_bytes(image_bytes=tf.constant(files))["probabilities"]
    want = [of_pixels({"image": tf.constant(expected(data)[None])})["probabilities"][0] for data in files]
    np.testing.assert_allclose(got, want, atol=1e-6)
    sideways = of_pixels({"image": tf.constant(np.asarray(turned_back(drawn(), 6))[None])})["probabilities"][0]
    assert np.abs(sideways - want[0]).max() > 1e-4  # the test would see a tag that is not applied
