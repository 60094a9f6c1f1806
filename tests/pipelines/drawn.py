"""A few drawn examples for what takes the place of a recipe's data."""

import dataclasses
import pathlib
import runpy

import numpy as np
from PIL import Image

from kerasvision.core.registry import create
from tests.data import drawn_volumes
from tests.data.drawn import draw_coco
from tests.data.drawn_sounds import burst, tone, write_wav
from tests.pipelines import drawn_emoji

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "pipelines"
SIDE = (64, 64)  # of drawn scenes and masks


def drawn(source, tmp_path):
    """A few drawn examples for what takes the place of a source."""
    kind = source.registered_name.removeprefix("sources/")
    if kind in ("semantic", "incomplete"):
        return dataclasses.replace(source, of=drawn(source.of, tmp_path))
    if kind == "contains":
        return dataclasses.replace(source, of=drawn(source.of, tmp_path), objects=("disk",))
    if kind == "cut_paste":
        return _drawn_scenes(source, tmp_path)
    if kind == "coco":
        draw_coco(tmp_path, 24)
        return dataclasses.replace(source, path=str(tmp_path))
    if kind == "moving":
        return dataclasses.replace(source, **_drawn_places(tmp_path), films=(4, 2, 2), frames=2)
    if kind == "volumes":
        return dataclasses.replace(source, path=str(drawn_volumes.lay(tmp_path, *drawn_volumes.pairs(20))))
    if kind == "sounds":
        for n in range(40):
            sound = tone(300 + 10 * n, 8000, 0.2) if n % 2 else burst(n, 8000, 0.2)
            write_wav(tmp_path / "sounds" / "ab"[n % 2] / f"{n}.wav", sound, 8000)
        return dataclasses.replace(source, path=str(tmp_path / "sounds"))
    if kind == "table":
        rows = [f"text {n} of {'ab'[n % 2]}s,{'ab'[n % 2]}\n" for n in range(40)]
        (tmp_path / "rows.csv").write_text("".join(["text,label\n", *rows]))
        return dataclasses.replace(source, path=str(tmp_path / "rows.csv"))
    if kind == "senses":
        files = sorted((_drawn_folder(tmp_path) and tmp_path / "data").rglob("*.png"))
        rows = [f"{f.relative_to(tmp_path)},is it {'ab'[n % 2]}?,{f.parent.name}\n" for n, f in enumerate(files)]
        (tmp_path / "rows.csv").write_text("".join(["image,text,label\n", *rows]))
        return dataclasses.replace(source, path=str(tmp_path / "rows.csv"), test_fraction=0.2)
    if kind == "captions":
        runpy.run_path(str(FOLDER / "prepare_captions.py"))["draw"](tmp_path, copies=1)
        columns = ("text", "short", "german")[: len(source.text_columns)]
        return dataclasses.replace(source, path=str(tmp_path / "captions.csv"), text_columns=columns)
    if kind == "manifest" and not source.target_columns:
        return dataclasses.replace(source, path=str(drawn_emoji.prepared(tmp_path) / "emoji.csv"))
    if kind == "manifest":
        return _drawn_numbers(source, tmp_path)
    if kind == "rendered_scene":
        return dataclasses.replace(
            source, backgrounds=(), scenes=(16, 8, 8), image_size=SIDE, size=(8, 12), length=(2, 4)
        )
    if kind == "rendered_page":
        return dataclasses.replace(source, pages=(16, 8, 8), image_size=(96, 64), size=(6, 6), columns=(1, 1))
    if kind == "rendered_text":
        return dataclasses.replace(source, lines=(16, 8, 8), length=(2, 4))
    return _drawn_masks(source, tmp_path) if kind == "image_mask" else _drawn_folder(tmp_path)


def _drawn_numbers(source, tmp_path):
    """The pictures of `_drawn_folder`, numbered."""
    files = sorted((_drawn_folder(tmp_path) and tmp_path / "data").rglob("*.png"))
    (column,) = source.target_columns
    rows = [f"{file.relative_to(tmp_path)},{number}\n" for number, file in enumerate(files)]
    (tmp_path / "numbers.csv").write_text("".join([f"file,{column}\n", *rows]))
    return dataclasses.replace(source, path=str(tmp_path / "numbers.csv"))


def _drawn_masks(source, tmp_path):
    """Twelve pictures with a square in each."""
    rng = np.random.default_rng(0)
    for i in range(12):
        mask = np.zeros((48, 60), np.uint8)
        mask[8:30, i : i + 20] = 1
        pixels = rng.integers(0, 128, (48, 60, 3), dtype=np.uint8) + 100 * mask[..., None]
        for folder, held in (("images", pixels), ("masks", mask)):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(held).save(tmp_path / folder / f"{i}.png")
    return dataclasses.replace(source, path=str(tmp_path))


def _drawn_folder(tmp_path):
    """Twelve pictures of each of two classes."""
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for i in range(12):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / label / f"{i}.png")
    return create("sources/image_folder", path=str(tmp_path / "data"))


def _drawn_scenes(source, tmp_path):
    alone = {"objects": (1, 2), "company": 0.0}  # else each scene of two classes has both
    held = _drawn_places(tmp_path) | alone | {"scenes": (8, 4, 4), "image_size": SIDE}
    return dataclasses.replace(source, **held, cache=str(tmp_path / "cache"))


def _drawn_places(tmp_path):
    """Where cut-outs are: four disks and four squares, each of its own color, and four plain backgrounds."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:24, :24] - 11.5
    shapes = {"disk": np.hypot(rows, columns) < 11, "square": np.maximum(abs(rows), abs(columns)) < 9}
    for label, inside in shapes.items():
        (tmp_path / "cutouts" / label).mkdir(parents=True)
        for i in range(4):
            pixels = np.broadcast_to(rng.integers(0, 256, 3, dtype=np.uint8), (24, 24, 3))
            cutout = np.dstack([pixels, inside.astype(np.uint8) * 255])
            Image.fromarray(cutout).save(tmp_path / "cutouts" / label / f"{'wxyz'[i]}.png")
    (tmp_path / "backgrounds").mkdir()
    for i in range(4):
        ground = np.full((80, 80, 3), 60 * i + 10, np.uint8)
        Image.fromarray(ground).save(tmp_path / "backgrounds" / f"{'wxyz'[i]}.png")
    places = {"path": str(tmp_path / "cutouts"), "backgrounds": (str(tmp_path / "backgrounds"),)}
    return places | {"validation_fraction": 0.25, "test_fraction": 0.25}
