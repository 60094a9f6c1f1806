"""Captions of pictures in many languages, out of Debian's `tuxpaint-stamps-default`.

Command: python pipelines/prepare_captions.py --out data/captions      (161 MB are fetched with apt-get when the package
is not installed; no root needed; GPL-2: installed, never part of this repository)

Writes `languages.csv` with `text`, `label` (a language) and `group`: all captions of one stamp share a group, so that
no stamp is in two splits, whatever its language; and so do stamps that one language calls the same. Languages with
fewer than 300 different captions are left out, and so are variants of one language (`en_gb`, `sr@latin`).
"""

import argparse
import collections
import csv
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from prepare_stamps import PACKAGE, installed

STAMPS = pathlib.Path("/usr/share/tuxpaint/stamps/animals")
LINE = re.compile(r"([a-z]{2,3})\.utf8=(.+)")
LEAST = 300  # captions of a language


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("data/captions"))
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path("/"), help="where packages are unpacked")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stamps = installed(PACKAGE, STAMPS, args.root, pathlib.Path(folder))[0].parent
        rows = list(captions(stamps))
    count = collections.Counter(language for _, language, _ in rows)
    kept = [row for row in rows if count[row[1]] >= LEAST]
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "languages.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label", "group"), *kept])
    print(f"{args.out / 'languages.csv'}: {len(kept)} captions in {len({row[1] for row in kept})} languages")


def captions(stamps):
    """(text, language, group) of each different caption of a language."""
    seen, group_of = set(), {}
    for path in sorted(stamps.rglob("*.txt")):
        english, *others = path.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
        held = [("en", english), *(found.groups() for line in others if (found := LINE.fullmatch(line.strip())))]
        held = [(language, text.strip()) for language, text in held if len(text.strip()) > 1]
        group = next((group_of[one] for one in held if one in group_of), str(path.relative_to(stamps)))
        for language, text in held:
            group_of.setdefault((language, text), group)
            if (language, text.casefold()) not in seen:
                seen.add((language, text.casefold()))
                yield text, language, group


if __name__ == "__main__":
    main()
