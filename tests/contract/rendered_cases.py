"""Small data of the sources that render their pictures, and of those that hold text."""

import dataclasses

import numpy as np
from PIL import Image

from kerasvision.core.registry import create


@dataclasses.dataclass(frozen=True)
class Drawn:
    """source: an instance over drawn data. sizes: {split: records}, or {"": records} of all splits together where the
    source cuts them itself. classes: how many. places: what a person may name for it, each a path of its own kind.
    """

    source: object
    sizes: dict
    classes: int
    places: tuple = ()


def picture(seed, side=(12, 10)):
    """A picture of noise unlike that of any other seed."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*side, 3), dtype=np.uint8))


def _material(root):
    """Folders of cut-outs, two classes of three each, and of three grounds."""
    for number, name in enumerate(("ball", "cube")):
        for i, letter in enumerate("abc"):
            cutout = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
            cutout.paste((250 - 60 * i, 30 + 80 * i, 200 * number, 255), (5, 5, 35, 35))
            (root / "objects" / name).mkdir(parents=True, exist_ok=True)
            cutout.save(root / "objects" / name / f"{letter}.png")
    (root / "grounds").mkdir()
    for number, letter in enumerate("abc"):
        picture(number, (60, 70)).save(root / "grounds" / f"{letter}.png")
    return {"path": str(root / "objects"), "backgrounds": (str(root / "grounds"),)}


def _cut_paste(root):
    held = _material(root) | {"cache": str(root / "cache")}
    source = create("sources/cut_paste", **held, scenes=(5, 2, 2), image_size=(48, 56), masks=True)
    return [Drawn(source, {"train": 5, "validation": 2, "test": 2}, 2)]


def _moving(root):
    held = _material(root) | {"films": (2, 1, 1), "frames": 3, "image_size": (48, 56)}
    sizes = {"train": 6, "validation": 3, "test": 3}
    frames, pairs = create("sources/moving", **held, masks=True), create("sources/moving", **held, give="pairs")
    return [Drawn(frames, sizes, 2), Drawn(pairs, sizes, 2)]


def _rendered_text(root):
    root.mkdir()
    (root / "words.txt").write_text("the quick brown fox jumps over the lazy dog " * 9)
    source = create("sources/rendered_text", texts=(str(root / "words.txt"),), lines=(6, 2, 2), length=(2, 8))
    return [Drawn(source, {"train": 6, "validation": 2, "test": 2}, 27)]


def _rendered_scene(root):
    grounds = {"backgrounds": _material(root)["backgrounds"], "classes": tuple("abcdefghijklmnopqrstuvwxyz\u2423")}
    held = {"scenes": (5, 2, 2), "image_size": (64, 96), "size": (8, 14), "length": (2, 8)}
    sizes = {"train": 5, "validation": 2, "test": 2}
    return [Drawn(create("sources/rendered_scene", **held, **more), sizes, 1) for more in ({}, grounds)]


def _rendered_page(root):
    held = {"pages": (3, 2, 2), "image_size": (128, 160), "size": (6, 8), "columns": (1, 2)}
    sizes = {"train": 3, "validation": 2, "test": 2}
    return [Drawn(create("sources/rendered_page", **held, unit=unit), sizes, 1) for unit in ("line", "word")]


def _text_lines(root):
    for name in ("folder", "crops"):
        (root / name).mkdir(parents=True)
    rows = ["file,text,split"]
    for i, text in enumerate(("ab", "b a", "aab", "ba") * 3):
        picture(i).save(root / "folder" / f"{i}.png")
        (root / "folder" / f"{i}.txt").write_text(text + "\n")
        rows.append(f"folder/{i}.png,{text},{('train', 'train', 'val')[i % 3]}")
    file = root / "list.csv"
    file.write_text("\n".join(rows))
    for i in range(6):
        picture(i).save(root / "crops" / f"{i}.png")
    (root / "crops" / "gt.txt").write_text("".join(f'{i}.png, "ab"\n' for i in range(6)))
    crops = Drawn(create("sources/text_lines", path=str(root / "crops")), {"": 6}, 2, (root / "crops",))
    in_folder = Drawn(create("sources/text_lines", path=str(root / "folder")), {"": 12}, 3, (root / "folder",))
    listed = create("sources/text_lines", path=str(file), test_fraction=0.0)
    return [in_folder, crops, Drawn(listed, {"train": 8, "validation": 4}, 3, (file,))]


def _text_places(root):
    for i in range(12):
        (root / "scenes").mkdir(parents=True, exist_ok=True)
        picture(i).save(root / "scenes" / f"{i}.png")
        rows = [f"1,1,5,1,5,{3 + i % 2},1,4,word {i}", "1,1,4,3,###"][: i % 3]
        (root / "scenes" / f"gt_{i}.txt").write_text("\n".join(rows))
    return [Drawn(create("sources/text_places", path=str(root / "scenes")), {"": 12}, 1, (root / "scenes",))]


def _page_lines(root):
    """Ten pages of two lines each, of which every fifth has one without a text."""
    for i in range(10):
        (root / "pages").mkdir(parents=True, exist_ok=True)
        picture(i, (24, 30)).save(root / "pages" / f"{i}.png")
        rows = ["1,1,21,1,21,9,1,9,ab", "2,12,22,14,21,22,1,20,###" if i % 5 == 0 else "2,12,22,14,21,22,1,20,b a"]
        (root / "pages" / f"gt_{i}.txt").write_text("\n".join(rows))
    source = create("sources/page_lines", path=str(root / "pages"), validation_fraction=0.2, test_fraction=0.2)
    return [Drawn(source, {"": 18}, 3)]


DRAWERS = {
    "cut_paste": _cut_paste,
    "moving": _moving,
    "rendered_text": _rendered_text,
    "rendered_scene": _rendered_scene,
    "text_lines": _text_lines,
    "text_places": _text_places,
    "rendered_page": _rendered_page,
    "page_lines": _page_lines,
}
