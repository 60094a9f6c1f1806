"""Emoji in two styles and what they are called in several languages: tables for search by picture, and by words.

Commands: npm pack emoji-datasource-google emoji-datasource-twitter emojibase-data      (Apache-2.0, CC-BY-4.0, MIT)
          for file in emoji*.tgz; do mkdir -p data/npm/${file%.tgz} && tar xzf $file -C data/npm/${file%.tgz}; done
          python pipelines/prepare_emoji.py --google data/npm/emoji-datasource-google-16.0.0/package \
              --twitter data/npm/emoji-datasource-twitter-16.0.0/package \
              --words data/npm/emojibase-data-16.0.3/package --out data/emoji
Versions are those of your files. Without --words there is no table of words.

Of the emoji that have a picture in both styles a fifth is unseen in training, drawn by a fixed seed. `emoji.csv`: each
emoji is a class of two pictures; of the unseen ones those of the first style are in the validation split, the gallery,
and those of the second in the test split, the queries. A tenth of the others is in the validation split in both styles,
so that an epoch can be chosen by it. `words.csv`: of the same pictures the name and the keywords, a column a language,
and of the unseen emoji those of the first style alone, for testing.
"""

import argparse
import csv
import json
import pathlib

import numpy as np
from PIL import Image

UNSEEN, CHOOSING = 5, 10  # one of so many emoji; one of so many of the others
STYLES = ("google", "twitter")  # the gallery, the queries


def main(words=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for style in STYLES:
        parser.add_argument(f"--{style}", required=True, metavar="FOLDER", help=f"of npm's emoji-datasource-{style}")
    parser.add_argument("--words", metavar="FOLDER", help="of npm's emojibase-data")
    parser.add_argument("--languages", nargs="+", default=["en", "de", "hi"], metavar="LANGUAGE", help="of its folders")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("data/emoji"))
    asked = parser.parse_args(words)
    folders = {style: pathlib.Path(getattr(asked, style)) for style in STYLES}
    files = common(folders)
    texts = {language: told(asked.words, language) for language in asked.languages} if asked.words else {}
    splits = splits_of(sorted(files))
    asked.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, held in sorted(files.items()):
        for style, file in held.items():
            place = asked.out / style / f"{name}.png"
            place.parent.mkdir(exist_ok=True)
            on_white(file).save(place)
            rows.append((f"{style}/{name}.png", name, style, splits[name]))
    write(asked.out / "emoji.csv", ("file", "label", "split"), [(f, n, split_of(s, style)) for f, n, style, s in rows])
    count = sum(split == "unseen" for split in splits.values())
    print(f"{len(files)} emoji in two styles, {count} of them unseen in training: {asked.out / 'emoji.csv'}")
    if texts:
        written = write_words(asked.out / "words.csv", rows, texts)
        print(f"{written} pictures with words in {', '.join(texts)}: {asked.out / 'words.csv'}")


def common(folders):
    """name -> {style: file}, of the emoji that are there in both styles."""
    for style, folder in folders.items():
        if not (folder / "emoji.json").is_file() or not pictures_in(folder, style).is_dir():
            fail(f"--{style} {folder} has no emoji.json and img/{style}/64; type: npm pack emoji-datasource-{style}")
    names = [
        {row["image"].removesuffix(".png") for row in json.loads((folder / "emoji.json").read_text(encoding="utf-8"))}
        for folder in folders.values()
    ]
    held = {
        name: {style: pictures_in(folder, style) / f"{name}.png" for style, folder in folders.items()}
        for name in set.intersection(*names)
    }
    found = {name: files for name, files in held.items() if all(file.is_file() for file in files.values())}
    if len(found) < 2 * UNSEEN:
        fail(f"{len(found)} emoji have pictures in both styles; {2 * UNSEEN} are needed")
    return found


def pictures_in(folder, style):
    return folder / "img" / style / "64"


def told(folder, language):
    """name of a picture -> its texts in a language, the name first."""
    file = pathlib.Path(folder) / language / "data.json"
    if not file.is_file():
        fail(
            f"--words {folder} has no {language}/data.json; type: npm pack emojibase-data, or choose other --languages"
        )
    rows = json.loads(file.read_text(encoding="utf-8"))
    return {row["hexcode"].lower(): [row["label"], *row.get("tags", ())] for row in rows if row.get("label")}


def splits_of(names):
    """name -> "train", "choosing" or "unseen"."""
    mixed = [names[n] for n in np.random.default_rng(0).permutation(len(names))]
    unseen, others = mixed[: len(mixed) // UNSEEN], mixed[len(mixed) // UNSEEN :]
    choosing = others[: len(others) // CHOOSING]
    return dict.fromkeys(names, "train") | dict.fromkeys(choosing, "choosing") | dict.fromkeys(unseen, "unseen")


def split_of(split, style):
    """The split of a picture: of unseen emoji the first style is the gallery."""
    unseen = "validation" if style == STYLES[0] else "test"
    return {"train": "train", "choosing": "validation", "unseen": unseen}[split]


def on_white(file):
    """The picture without its transparency."""
    picture = Image.open(file).convert("RGBA")
    ground = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    return Image.alpha_composite(ground, picture).convert("RGB")


def write_words(path, rows, texts):
    """A row a text of a picture; of unseen emoji the first style alone. Gives how many pictures have any."""
    held, count = [], 0
    for file, name, style, split in rows:
        own = {language: words.get(name, words.get(plain(name), [])) for language, words in texts.items()}
        if not any(own.values()) or (split == "unseen" and style != STYLES[0]):
            continue
        count += 1
        named = {"train": "train", "choosing": "validation", "unseen": "test"}[split]
        for n in range(max(map(len, own.values()))):
            held.append((file, named, *(words[n] if n < len(words) else "" for words in own.values())))
    write(path, ("file", "split", *texts), held)
    return count


def plain(name):
    """Without the marks of variants, which only one of the packages writes."""
    return "-".join(part for part in name.split("-") if part != "fe0f")


def write(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def fail(text):
    raise SystemExit(f"prepare_emoji: {text}")


if __name__ == "__main__":
    main()
