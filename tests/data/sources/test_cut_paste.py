"""Scenes whose truth is known: squares of one color each over backgrounds of one gray each."""

import csv
import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import sources
from kerasvision.data.inspect.convert import convert
from kerasvision.data.sources import _scenes

CLASSES, OBJECTS, GROUNDS = ("ball", "cube"), 6, 6
SIDE_PX = 30  # 0.3 of 100
# nothing but place, size and the light of each object differs, and that keeps the hue
PLAIN = {"rotation_deg": 0.0, "exposure_ev": (0.0, 0.0), "gradient_ev": 0.0, "tint_ev": 0.0, "side": (0.3, 0.3)}


def color(number):
    """One of 12 hues, as Pillow has them."""
    return (
        Image.new("HSV", (1, 1), (number * 255 // (OBJECTS * len(CLASSES)), 200, 220)).convert("RGB").getpixel((0, 0))
    )


def gray(number):
    return 40 + 30 * number


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """Cut-outs: a class has 6 objects of two pictures each; and 6 backgrounds."""
    root = tmp_path_factory.mktemp("material")
    for c, name in enumerate(CLASSES):
        (root / "objects" / name).mkdir(parents=True)
        for i in range(OBJECTS):
            picture = Image.new("RGBA", (80, 80), (0, 0, 0, 0))
            picture.paste((*color(OBJECTS * c + i), 255), (10, 10, 70, 70))
            stem = f"{name}_{'abcdef'[i]}"
            picture.save(root / "objects" / name / f"{stem}.png")
            picture.putpixel((30, 30), (*color(OBJECTS * c + i), 250))
            picture.save(root / "objects" / name / f"{stem}_2_mirror.png")
    (root / "grounds").mkdir()
    for i in range(GROUNDS):
        Image.new("RGB", (150, 120), (gray(i),) * 3).save(root / "grounds" / f"{'abcdef'[i]}.png")
    return root


@pytest.fixture
def source(material, tmp_path):
    """source(**fields): with a cache of its own."""

    def make(**fields):
        held = {"scenes": (12, 4, 4), "image_size": (100, 120), "cache": str(tmp_path / "cache")} | PLAIN | fields
        given = {"path": str(material / "objects"), "backgrounds": (str(material / "grounds"),)} | held
        return sources["cut_paste"](**given)

    return make


def folder(source):
    return pathlib.Path(source.rendered().path)


def bytes_below(root):
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def scenes(source, split="train"):
    """[(uint8 [H, W, 3] from the JPEG, sample)]."""
    held = source.open().splits[split]
    seen = list(held.records.map(held.read).as_numpy_iterator())
    return [(np.asarray(Image.open(s["path"].decode())).astype(int), s) for s in seen]


def hue(rgb):
    """Number of the object with this color."""
    h, _, _ = Image.fromarray(np.uint8(rgb)[None, None]).convert("HSV").getpixel((0, 0))
    number = h * OBJECTS * len(CLASSES) / 255
    return round(number) % (OBJECTS * len(CLASSES))


def test_masks_boxes_and_labels_are_what_is_seen(source):
    seen = 0
    for image, sample in scenes(source(masks=True)):
        owner = np.zeros(image.shape[:2], int)
        for number, (mask, box, label) in enumerate(
            zip(sample["instance_masks"], sample["boxes_xyxy"], sample["labels"], strict=True), 1
        ):
            assert not (owner[mask > 0]).any()  # masks do not overlap
            owner[mask > 0] = number
            ys, xs = np.nonzero(mask)
            assert box.tolist() == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
            middle = image[mask > 0]
            assert hue(np.median(middle, 0)) // OBJECTS == label
            seen += 1
        colored = image.max(-1) - image.min(-1) > 40
        assert (colored != (owner > 0)).mean() < 0.04  # blended borders and JPEG
    assert seen > 20


def test_occlusion_is_the_part_that_is_not_seen(source):
    hidden = []
    for _, sample in scenes(source(masks=True, objects=(6, 6))):
        part = 1 - sample["instance_masks"].sum((1, 2)) / SIDE_PX**2
        np.testing.assert_allclose(sample["occlusion"], part, atol=1e-4)
        np.testing.assert_array_equal(sample["area_px"], sample["instance_masks"].sum((1, 2)))
        hidden += part.tolist()
    assert min(hidden) == 0
    assert 0.4 < max(hidden) <= 0.7


def test_max_occlusion_bounds_it(source):
    hidden = [o for _, s in scenes(source(max_occlusion=0.0, objects=(3, 6))) for o in s["occlusion"]]
    assert len(hidden) > 20
    assert max(hidden) == 0


def test_splits_share_no_object_and_no_background(source):
    held = source(scenes=(40, 30, 30), masks=True)
    objects, grounds = {}, {}
    for split in ("train", "validation", "test"):
        rows = scenes(held, split)
        objects[split] = {hue(np.median(i[m > 0], 0)) for i, s in rows for m in s["instance_masks"]}
        empty = [np.median(i[s["instance_masks"].max(0, initial=0) == 0]) for i, s in rows]
        grounds[split] = {int(np.abs([gray(n) - v for n in range(GROUNDS)]).argmin()) for v in empty}
    for found, whole in ((objects, OBJECTS * len(CLASSES)), (grounds, GROUNDS)):
        assert sum(map(len, found.values())) == len(set.union(*found.values())) == whole
        assert len(found["train"]) > len(found["test"])


def test_a_scene_is_a_function_of_seed_and_index_alone(source, tmp_path, material):
    first = bytes_below(folder(source()))
    assert len(first) == 12 + 4 + 4 + 3
    moved = shutil.copytree(material, tmp_path / "elsewhere")
    fields = {"path": str(moved / "objects"), "backgrounds": (str(moved / "grounds"),)}
    assert bytes_below(folder(source(cache=str(tmp_path / "other"), **fields))) == first
    fewer = bytes_below(folder(source(scenes=(3, 2, 1))))
    pictures = {k: v for k, v in fewer.items() if k.endswith(".jpg")}
    assert len(pictures) == 6
    assert all(first[k] == v for k, v in pictures.items())
    other = bytes_below(folder(source(seed=1)))
    assert not [k for k in pictures if other[k] == first[k]]
    assert len({v for k, v in first.items() if k.endswith(".jpg")}) == 20


def test_rendered_once_and_named_by_what_matters(source, tmp_path, monkeypatch):
    one = folder(source())
    monkeypatch.setattr(_scenes, "render", None)
    monkeypatch.setattr("kerasvision.data.sources.cut_paste.render", None)  # a second rendering would fail
    assert folder(source(masks=True, max_objects=6)) == one
    with pytest.raises(TypeError):
        folder(source(max_occlusion=0.5))
    assert [p.name for p in (tmp_path / "cache").iterdir()] == [one.name]  # nothing half-made is left


def test_changed_files_are_rendered_anew(source, material, tmp_path):
    one = folder(source())
    moved = shutil.copytree(material / "grounds", tmp_path / "grounds")
    Image.new("RGB", (150, 120), (9, 9, 9)).save(moved / "a.png")
    assert folder(source(backgrounds=(str(moved),))) != one


def studio(material, **fields):
    """One class, one object, one background; over gray 100."""
    ground = material / "gray.png"
    Image.new("RGB", (150, 120), (100, 100, 100)).save(ground)
    cutouts = (((str(material / "objects" / "ball" / "ball_a.png"),),),)
    held = {"image_size": (100, 120), "objects": (1, 4), "company": 0.0, "max_occlusion": 0.7} | PLAIN | fields
    return _scenes.Studio(cutouts, (str(ground),), **held)


def test_company_keeps_classes_together(source):
    """Of two classes each object is then of the other one than the object before it."""

    def pairs(**fields):
        opened = source(objects=(2, 2), scenes=(40, 4, 4), **fields).open()
        return [sorted(opened.splits["train"].read(r)["labels"].numpy()) for r in opened.splits["train"].records]

    always, never_asked = pairs(company=1.0), pairs()
    assert {tuple(p) for p in always if len(p) == 2} == {(0, 1)}
    assert {tuple(p) for p in never_asked if len(p) == 2} == {(0, 0), (0, 1), (1, 1)}


def test_light_is_exposure_in_ev(material):
    plain, _, none = _scenes.render(studio(material), [3, 0, 5])
    dark, things, ev = _scenes.render(studio(material, exposure_ev=(-1.0, -1.0)), [3, 0, 5])
    assert (none, ev) == (0.0, -1.0)
    assert things
    np.testing.assert_allclose(dark, plain * 2 ** (-1 / 2.2), atol=1.01)


def test_gradient_and_tint_keep_the_mean(material):
    """Over gray the logarithms of pixel ratios are a plane, and the tint has no mean."""
    lit, _, _ = _scenes.render(studio(material, objects=(0, 1), gradient_ev=2.0, tint_ev=0.5), [5, 0, 3])
    ev = 2.2 * np.log2(lit.astype(float) / 100)
    y, x = (v.ravel() for v in np.mgrid[-0.5:0.5:100j, -0.5:0.5:120j])
    design = np.stack([x, y, np.ones_like(x)], 1)
    fitted, *_ = np.linalg.lstsq(design, ev.reshape(-1, 3), rcond=None)
    assert np.abs(design @ fitted - ev.reshape(-1, 3)).max() < 0.05
    assert np.hypot(*fitted[:2].mean(1)) > 0.1
    assert np.ptp(fitted[2]) > 0.1
    assert abs(fitted[2].mean()) < 0.01
    np.testing.assert_allclose(fitted[:2], fitted[:2, :1].repeat(3, 1), atol=0.02)


def test_manifest_with_groups(source, material, tmp_path):
    files = sorted((material / "objects").rglob("*.png"))
    rows = [{"file": str(f), "label": f.parent.name, "group": f.stem.split("_")[1]} for f in files]
    with (tmp_path / "m.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["file", "label", "group"])
        writer.writeheader()
        writer.writerows(rows)
    held = scenes(source(path=str(tmp_path / "m.csv"), scenes=(30, 1, 1), masks=True))
    assert len({hue(np.median(i[m > 0], 0)) for i, s in held for m in s["instance_masks"]}) == 8


def test_written_out_as_coco(source, tmp_path):
    held = source()
    out = convert(held, "coco", tmp_path / "out")
    again = sources["coco"](path=str(out), validation_fraction=0.0, test_fraction=0.0)
    for split, pictures in held.arranged().splits.items():
        for a, b in zip(pictures, again.arranged().splits[split], strict=True):
            assert dataclasses.replace(a, path="") == dataclasses.replace(b, path="")
            assert pathlib.Path(a.path).read_bytes() == pathlib.Path(b.path).read_bytes()
    document = json.loads((out / "annotations" / "train.json").read_text())
    assert {"occlusion", "segmentation", "area", "bbox"} <= set(document["annotations"][0])


def refusal(source):
    with pytest.raises(KerasVisionError) as error:
        source.open()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_refusals(source, material, tmp_path):
    assert "no such folder or .csv file" in refusal(source(path=str(tmp_path / "gone")))
    assert "backgrounds: " in refusal(source(backgrounds=(str(tmp_path / "gone"),)))
    assert "allowed: folders of photographs" in refusal(source(backgrounds=()))
    (tmp_path / "bare").mkdir()
    assert "no photographs in" in refusal(source(backgrounds=(str(tmp_path / "bare"),)))
    assert "no pictures" in refusal(source(path=str(tmp_path / "bare")))
    few = tmp_path / "few"
    few.mkdir()
    for name in ("place_1.png", "place_2.png", "place-1920x1080.png", "hill.png"):
        Image.effect_noise((60, 60), len(name)).convert("RGB").save(few / name)
    assert "no background for" in refusal(source(backgrounds=(str(few),)))
    assert source(backgrounds=(str(few),), scenes=(2, 0, 0)).open().splits["train"].size == 2
    broken = shutil.copytree(material / "objects", tmp_path / "broken")
    Image.new("RGBA", (30, 30), (9, 9, 9, 255)).save(broken / "ball" / "solid.png")
    Image.new("RGBA", (30, 30), (9, 9, 9, 0)).save(broken / "ball" / "void.png")
    assert "2 cut-outs are transparent nowhere or everywhere: " in refusal(source(path=str(broken)))
    (broken / "ball" / "text.png").write_text("no picture")
    assert "1 files cannot be read: text.png (text, not an image)" in refusal(source(path=str(broken)))
    line = refusal(source(objects=(4, 6), max_objects=3))
    assert "more than max_objects=3 objects" in line


@pytest.mark.parametrize(
    "fields",
    [
        {"scenes": (0, 1, 1)},
        {"image_size": (8, 100)},
        {"objects": (3, 2)},
        {"side": (0.0, 0.5)},
        {"max_occlusion": 1.0},
        {"exposure_ev": (1.0, 0.0)},
        {"gradient_ev": -1.0},
        {"tint_ev": -1.0},
        {"rotation_deg": 200.0},
        {"group": "("},
        {"validation_fraction": 1.0},
    ],
)
def test_fields_that_make_no_scene(source, fields):
    with pytest.raises(UsageError, match=f"{next(iter(fields))}=.*(allowed|no regular expression)"):
        source(**fields).open()


def test_recipe_json_round_trip(source):
    held = source()
    assert from_json(to_json(held)) == held
