"""Snippets of reviews and tweets with human scores, out of the source distribution of `vaderSentiment` on PyPI (MIT).

Command: python pipelines/prepare_reviews.py --out data/reviews     (2.5 MB are fetched with pip, unless --sdist names
the file)

"VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text" (Hutto, Gilbert 2014, ICWSM): each
snippet has the mean of twenty people's scores from -4 to 4. Writes `movies.csv` (10,072 snippets with a score of 0.5 or
more either way), `products.csv` and `tweets.csv` with `text`, `label`, `score` and `group`: snippets of one review
share a group, so that no review is in two splits.
"""

import argparse
import csv
import io
import pathlib
import subprocess
import sys
import tarfile
import tempfile

PACKAGE = "vaderSentiment==3.3.2"
FILES = {"movies": "movieReviewSnippets", "products": "amazonReviewSnippets", "tweets": "tweets"}
LEAST = 0.5  # of a score, either way


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("data/reviews"))
    parser.add_argument("--sdist", type=pathlib.Path, help="vaderSentiment-3.3.2.tar.gz, if it is here already")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        texts = corpus(args.sdist or fetched(pathlib.Path(folder)))
    for name, file in FILES.items():
        rows = list(rated(texts[f"{file}_GroundTruth.txt"]))
        with (args.out / f"{name}.csv").open("w", newline="", encoding="utf-8") as table:
            csv.writer(table).writerows([("text", "label", "score", "group"), *rows])
        print(f"{args.out / name}.csv: {len(rows)} texts")


def fetched(folder):
    """The package's source distribution, by pip."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", PACKAGE]
    try:
        subprocess.run([*command, "--no-build-isolation"], cwd=folder, check=True, stderr=subprocess.DEVNULL)
        return next(folder.glob("*.tar.gz"))
    except (OSError, subprocess.CalledProcessError, StopIteration):
        sys.exit(f"cannot fetch {PACKAGE}; fetch its .tar.gz from PyPI and give --sdist")


def corpus(path):
    """{name of a file: its text} of the archive within the archive."""
    with tarfile.open(path) as outer:
        inner = next(m for m in outer.getmembers() if m.name.endswith("hutto_ICWSM_2014.tar.gz"))
        held = io.BytesIO(outer.extractfile(inner).read())
    with tarfile.open(fileobj=held) as archive:
        files = [m for m in archive.getmembers() if m.name.endswith("_GroundTruth.txt")]
        return {pathlib.PurePath(m.name).name: archive.extractfile(m).read().decode("utf-8", "replace") for m in files}


def rated(text):
    """(text, label, score, group) of each line that people do not call neutral."""
    for line in text.splitlines():
        number, tab, rest = line.partition("\t")
        score, again, snippet = rest.partition("\t")
        if tab and again and snippet.strip() and abs(float(score)) >= LEAST:
            review = number.rpartition("_")[0]  # "12_3" is the third snippet of review 12; others stand alone
            yield snippet.strip(), "positive" if float(score) > 0 else "negative", score, review


if __name__ == "__main__":
    main()
