"""Packages as npm gives them, of a few drawn emoji, and what `pipelines/prepare_emoji.py` makes of them."""

import json
import pathlib
import runpy

import numpy as np
from PIL import Image

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "pipelines" / "prepare_emoji.py"
STYLES = ("google", "twitter")


def packages(folder, count=40):
    """name -> folder of a package. Emoji 0 has no picture in the second style, number 1 has the mark of a variant."""
    names = [f"{0x1F600 + n:x}" for n in range(count)]
    names[1] += "-fe0f"
    for kind, style in enumerate(STYLES):
        place = folder / style / "img" / style / "64"
        place.mkdir(parents=True)
        rows = [{"image": f"{name}.png", "unified": name.upper()} for name in names]
        (folder / style / "emoji.json").write_text(json.dumps(rows))
        for n, name in enumerate(names):
            pixels = np.zeros([64, 64, 4], np.uint8)
            pixels[8 + kind : 40, 8 : 24 + n % 30] = (6 * n % 256, 90 * kind, 200, 255)
            if n or not kind:
                Image.fromarray(pixels).save(place / f"{name}.png")
    for language, word in (("en", "thing"), ("de", "Ding"), ("hi", "चीज़")):
        (folder / "words" / language).mkdir(parents=True)
        codes = [name.upper().removesuffix("-FE0F") for name in names]
        texts = [
            {"hexcode": code, "label": f"{word} {n}", "tags": [f"{word} tag {n}"] * (n % 2)}
            for n, code in enumerate(codes)
        ]
        (folder / "words" / language / "data.json").write_text(json.dumps(texts))
    return {name: str(folder / name) for name in (*STYLES, "words")}


def prepared(folder, count=40):
    """The folder of the tables."""
    held = packages(folder / "npm", count)
    words = [part for name, place in held.items() for part in (f"--{name}", place)]
    runpy.run_path(str(SCRIPT))["main"]([*words, "--out", str(folder / "emoji")])
    return folder / "emoji"
