"""Scenes of cut-out objects with a sentence about each, whose objects and backgrounds are known exactly.

Data: python pipelines/prepare_stamps.py --out data/stamps
Command: python pipelines/prepare_scene_captions.py --out data/scene-captions

`sources/cut_paste` renders scenes of two or three objects; a sentence says what is there, from left to right: "a bird
left of two coins"; of two kinds of which one is higher rather than further left, "a bird above a coin". Objects and
backgrounds of test scenes are in no training scene.
"""

import argparse
import collections
import csv
import json
import os
import pathlib

from kerasvision import create

NUMBERS = {2: "two", 3: "three"}
PLURALS = {"fish": "fish", "fruit": "fruits"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("data/scene-captions"))
    parser.add_argument("--stamps", type=pathlib.Path, default=pathlib.Path("data/stamps"))
    parser.add_argument("--scenes", type=int, nargs=3, default=(6000, 300, 600), help="of train, validation and test")
    args = parser.parse_args()
    rows = write(args.out, source(args.stamps, tuple(args.scenes), args.out / "scenes"))
    print(f"{rows} scenes, {args.out / 'captions.csv'}")


def source(stamps, scenes, cache):
    """`sources/cut_paste` of the scenes. scenes: of train, validation and test."""
    return create(
        "sources/cut_paste",
        path=str(stamps / "cutouts.csv"),
        backgrounds=(str(stamps / "backgrounds"), str(stamps / "scenery")),
        scenes=scenes,
        image_size=(192, 192),
        objects=(2, 3),
        side=(0.35, 0.65),
        max_occlusion=0.35,
        exposure_ev=(-1.0, 0.5),
        validation_fraction=0.1,
        cache=str(cache),
    )


def write(out, scenes):
    """Render, and write captions.csv; gives how many scenes there are."""
    out.mkdir(parents=True, exist_ok=True)
    folder, rows = pathlib.Path(scenes.rendered().path), []
    for split in ("train", "validation", "test"):
        document = json.loads((folder / "annotations" / f"{split}.json").read_text(encoding="utf-8"))
        classes = {row["id"]: row["name"] for row in document["categories"]}
        things = collections.defaultdict(list)
        for row in document["annotations"]:
            x, y, width, height = row["bbox"]
            things[row["image_id"]].append((classes[row["category_id"]], x + width / 2, y + height / 2))
        for image in document["images"]:
            if held := things[image["id"]]:
                path = os.path.relpath(folder / split / image["file_name"], out)
                rows.append((path, sentence(held), split))
    with (out / "captions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "text", "split"), *rows])
    return len(rows)


def sentence(things):
    """What is said of [(class, x, y)], the centers in pixels."""
    kinds = collections.defaultdict(list)
    for name, x, y in things:
        kinds[name].append((x, y))
    groups = [
        (sum(x for x, _ in held) / len(held), sum(y for _, y in held) / len(held), name, len(held))
        for name, held in kinds.items()
    ]
    groups.sort()
    told = [counted(name, count) for _, _, name, count in groups]
    if len(groups) != 2:
        return " and ".join(", ".join(told).rsplit(", ", 1))
    (left, first_y, *_), (right, second_y, *_) = groups
    if right - left >= abs(second_y - first_y):
        return f"{told[0]} left of {told[1]}"
    return f"{told[0]} above {told[1]}" if first_y < second_y else f"{told[1]} above {told[0]}"


def counted(name, count):
    """ "a bird", "an ungulate", "two coins"."""
    if count == 1:
        return f"an {name}" if name[0] in "aeiou" else f"a {name}"
    return f"{NUMBERS[count]} {PLURALS.get(name, name + 's')}"


if __name__ == "__main__":
    main()
