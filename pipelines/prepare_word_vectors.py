"""Vectors of words out of texts of one's own, for `model.vectors` of a text model: skip-gram (arXiv:1310.4546).

Commands: python pipelines/prepare_reviews.py --out data/reviews
          python pipelines/prepare_word_vectors.py data/reviews/*.csv --out data/reviews/words.vec
          kerasvision train pipelines/classify_reviews.py:words --set model.vectors=data/reviews/words.vec
Texts are the column `text` of a .csv, or the lines of any other file. Writes word2vec's text layout. What it is worth
on reviews is not measured yet.
"""

import argparse
import csv
import pathlib

from kerasvision.core.errors import KerasVisionError
from kerasvision.text_encoders.skip_gram import SkipGram, words_in
from kerasvision.text_encoders.word_vectors import write


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", nargs="+", type=pathlib.Path, help=".csv with a column text, or files of lines")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the .vec that is written")
    parser.add_argument("--size", type=int, default=64, help="numbers of a vector: the encoder's field size")
    parser.add_argument("--epochs", type=int, default=5)
    args = parser.parse_args()
    texts = [text for path in args.texts for text in texts_of(path)]
    words, vectors = SkipGram(size=args.size, epochs=args.epochs).vectors(list(words_in(texts)))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write(args.out, words, vectors)
    print(f"{args.out}: {len(words)} words of {len(texts)} texts")


def texts_of(path):
    """The texts of one file that are not blank."""
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix != ".csv":
            return [text for text in file.read().splitlines() if text.strip()]
        rows = csv.DictReader(file)
        if "text" not in (rows.fieldnames or ()):
            raise KerasVisionError(f"{path} has no column text; it has: {', '.join(rows.fieldnames or ()) or 'none'}")
        return [row["text"] for row in rows if (row["text"] or "").strip()]


if __name__ == "__main__":
    try:
        main()
    except (KerasVisionError, OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"prepare_word_vectors: {error}") from None
