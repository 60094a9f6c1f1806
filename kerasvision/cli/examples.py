"""What `predict` is given on the command line -> examples, each with a name."""

import csv
import dataclasses
import glob
import pathlib

from kerasvision.core.errors import KerasVisionError, UsageError

NO_IMAGES = "predict needs images: files, folders, globs, or - for one image on stdin"

TABLES = (".csv", ".tsv")
SHOWN = 60  # characters of a text that are its name


def examples_of(words, arch, texts=()):
    """[(name, what `data.kinds.example.read_example` takes)] of the words of a command line, in their order.

    Of a model with one input files, folders, globs and URLs, or values where its kind has no files. Of one with several
    `KEY=VALUE`, each key once an example; or .csv files with a column for each key, whose paths are relative to the
    file. Of one that takes a text, tables have a column for it, a row an example. texts: of such a model, as they are,
    whatever they look like. Nothing found is an error.
    """
    from kerasvision.data.kinds.base import kind_of
    from kerasvision.data.kinds.example import given_keys

    keys, inputs = given_keys(arch), arch.serving_inputs()
    kinds = {key: kind_of(inputs[key]) for key in keys}
    is_text = [inputs[key].kind for key in keys] == ["text"]
    if texts and not is_text:
        raise UsageError(
            f"--text: {arch.registered_name} takes {', '.join(keys)}, not one text; give KEY=VALUE for each"
        )
    if len(keys) > 1:
        return _of_several(words, kinds, arch)
    if is_text:
        return [(_short(text), text.encode()) for text in texts] + _of_texts(words, kinds, bool(texts))
    if not words:
        raise UsageError(NO_IMAGES)
    (kind,) = kinds.values()
    if not kind.suffixes:
        return [(word, word) for word in words]
    return [(name, name) for word in words for name in _files(word, kind)]


@dataclasses.dataclass(frozen=True)
class _Pictures:
    """What `_files` asks of the kind of a picture, without TensorFlow."""

    suffixes: tuple[str, ...]
    is_encoded: bool = True


def pictures_of(words):
    """`examples_of` of a model whose one input is a picture."""
    from kerasvision.edge.main import SUFFIXES  # which imports numpy

    if not words:
        raise UsageError(NO_IMAGES)
    return [(name, name) for word in words for name in _files(word, _Pictures(SUFFIXES))]


def _short(text):
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


def _of_texts(words, kinds, has_others):
    """Of files, folders and tables of texts, and of texts."""
    if not words and not has_others:
        raise UsageError('predict needs texts: --text "...", .txt files, or a .csv with a column text')
    every, ((key, kind),) = [], kinds.items()
    for word in words:
        if word.lower().endswith(TABLES) and _is(pathlib.Path(word), pathlib.Path.is_file):
            rows = _rows(pathlib.Path(word), kinds)
            every += [(f"{word}, row {number}", _of_cell(row[key] or "")) for number, row in enumerate(rows, 1)]
        else:
            every += [(_named(name), name) for name in _files(word, kind)]
    return every


def _named(word):
    """A file's name as it is, a text shortened."""
    return word if _is(pathlib.Path(word), pathlib.Path.is_file) else _short(word)


def _of_cell(value):
    """A text as it is, or the name of a file that is there."""
    return value if value.endswith(".txt") and _is(pathlib.Path(value), pathlib.Path.is_file) else value.encode()


def _files(word, kind):
    """Files in the order given; folders and globs sorted. Of volumes, a folder without such files is a DICOM series; of
    texts, what is no file is the text.
    """
    from kerasvision.data.kinds.fetching import is_url

    path = pathlib.Path(word)
    if word == "-" or is_url(word) or _is(path, pathlib.Path.is_file):
        return [word]
    if _is(path, pathlib.Path.is_dir):
        held = sorted(str(p) for p in path.rglob("*") if p.name.lower().endswith(kind.suffixes))
        if not held and kind.is_encoded:
            raise KerasVisionError(f"{word} holds no image; looked for {', '.join(kind.suffixes)}")
        return held or [word]
    return sorted(glob.glob(word, recursive=True)) or [word]  # noqa: PTH207 (absolute patterns too)


def _is(path, asked):
    try:
        return asked(path)
    except OSError:  # a text is too long for a name
        return False


def _of_several(words, kinds, arch):
    wanted = ", ".join(kinds)
    if not words:
        raise UsageError(f"{arch.registered_name} takes {wanted}; give {' '.join(f'{k}=...' for k in kinds)}")
    every, held = [], {}
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in kinds:
            if key in held:
                every.append(held)
                held = {}
            held[key] = value
        elif word.lower().endswith(".csv"):
            every += [held] if held else []
            every, held = every + _rows(pathlib.Path(word), kinds), {}
        else:
            raise UsageError(f"{word}: {arch.registered_name} takes {wanted}; give KEY=VALUE for each, or a .csv file")
    every += [held] if held else []
    return [(" ".join(f"{k}={v}" for k, v in one.items()), one) for one in every]


def _rows(path, kinds):
    """A dict of each row of a .csv or .tsv file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t" if path.name.lower().endswith(".tsv") else ","))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise KerasVisionError(f"{path} cannot be read: {error}") from None
    if missing := [key for key in kinds if not rows or key not in rows[0]]:
        raise KerasVisionError(f"{path} has no rows, or no column {', '.join(missing)}")
    return [{key: _placed(row[key], path.parent, kinds[key]) for key in kinds} for row in rows]


def _placed(value, folder, kind):
    """A file's name relative to the table; other values as they are."""
    is_file = bool(value) and (value.lower().endswith(kind.suffixes) if kind.suffixes else False)
    place = folder / value if is_file or (kind.is_large and value) else None  # a volume may be a folder
    return str(place) if place and _is(place, pathlib.Path.exists) else value
