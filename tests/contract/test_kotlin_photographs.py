"""Photographs of many kinds through the Kotlin client, on a JVM: what it says is what the Python client says."""

import json

import numpy as np
import pytest
from PIL import Image

from kerasvision.edge.main import main as edge
from tests import store
from tests.contract import brief
from tests.edge import kotlin

CLOSE = 2e-6  # of a number with six digits behind the point
KINDS = ("detection/retinanet", "instance_segmentation/mask_rcnn", "semantic_segmentation/fpn", "embedding/proxies")


def photographs(folder):
    """Of many sizes, turned by EXIF, gray, of a palette, transparent, with 16 bits; one that is none."""
    random, paths = np.random.default_rng(0), []
    ramp = np.add.outer(np.arange(211), np.arange(307))[..., None] * np.array([1, 2, 3]) % 256
    color = Image.fromarray((ramp * 0.8 + random.integers(0, 50, ramp.shape)).astype(np.uint8))
    clear = Image.merge("RGBA", (*color.split(), color.split()[0]))
    held = {f"size{i}.png": color.resize(size) for i, size in enumerate([(33, 47), (500, 375), (97, 640), (8, 8)])}
    held |= {"gray.png": color.convert("L"), "palette.png": color.convert("P"), "bits.png": color.convert("1")}
    held |= {"clear.png": clear, "clear gray.png": clear.convert("LA"), "plain.bmp": color, "photo.jpg": color}
    held["deep.png"] = Image.fromarray(random.integers(0, 65536, (50, 60)).astype(np.uint16))
    for name, image in held.items():
        image.save(folder / name)
        paths.append(folder / name)
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = turn
        for suffix in ("png", "jpg"):
            paths.append(folder / f"turn{turn}.{suffix}")
            color.save(paths[-1], exif=exif)
    paths.append(folder / "none.png")
    paths[-1].write_bytes(b"none")
    return paths


def same(mine, theirs):
    if isinstance(theirs, dict):
        return mine.keys() == theirs.keys() and all(same(mine[key], theirs[key]) for key in theirs)
    if isinstance(theirs, list):
        return len(mine) == len(theirs) and all(map(same, mine, theirs))
    if isinstance(theirs, float):
        return abs(mine - theirs) <= CLOSE * max(1.0, abs(theirs))
    return mine == theirs


@kotlin.needs_kotlin
@pytest.mark.nightly
@pytest.mark.parametrize("name", KINDS)
def test_photographs_are_told_alike(name, tmp_path, capsys):
    program, recipe = kotlin.program(tmp_path / "edge.jar"), brief.recipe_of(name)
    out = store.exported(recipe, brief.case_of(name).exports, None)[2]
    paths = photographs(tmp_path)
    for file in sorted((out / "tflite" / "models" / recipe.name).glob("*.tflite")):
        code, lines, said = kotlin.asked(program, "predict", file, *paths)
        assert edge(["predict", str(file), *map(str, paths)]) == code == 1 and not said
        theirs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert len(lines) == len(theirs) == len(paths)
        assert "error" in theirs[-1] and json.loads(lines[-1])["error"].startswith("the image cannot be decoded")
        for mine, other in zip(map(json.loads, lines[:-1]), theirs, strict=False):
            assert same(mine, other), other["input"]
