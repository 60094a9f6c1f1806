"""Pretrained vectors of words: the layouts they come in, and training them."""

import gzip

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.ops import text
from kerasvision.text_encoders import skip_gram, word_vectors

WORDS = ("cat", "dog", "straße", "zebra")
FILE = ("the", "Cat", "dog", "straße", "cat")  # of the file; "Cat" becomes a word that stands there itself
VECTORS = np.arange(20, dtype=np.float32).reshape(5, 4) / 7


def layouts(folder):
    """{name: path} of the same vectors."""
    lines = [f"{word} {' '.join(map(repr, row.tolist()))}" for word, row in zip(FILE, VECTORS, strict=True)]
    binary = b"".join(word.encode() + b" " + row.tobytes() + b"\n" for word, row in zip(FILE, VECTORS, strict=True))
    held = {
        "words.vec": "\n".join(["5 4", *lines, ""]).encode(),
        "glove.txt": "\n".join([*lines, ""]).encode(),
        "words.bin": b"5 4\n" + binary,
    }
    held |= {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in held.items()}
    for name, content in held.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in held}


def test_every_layout_gives_the_same_vectors(tmp_path):
    for name, path in layouts(tmp_path).items():
        found = word_vectors.read(path, WORDS, 4)
        assert set(found.vectors) == {"cat", "dog", "straße"} and found.read == 5, name
        for word, row in (("cat", 4), ("dog", 2), ("straße", 3)):  # its own spelling before another's lower case
            np.testing.assert_array_equal(found.vectors[word], VECTORS[row])
    lowered = word_vectors.read(tmp_path / "glove.txt", ("the",), 4)
    np.testing.assert_array_equal(lowered.vectors["the"], VECTORS[0])


def test_what_is_written_is_read(tmp_path):
    word_vectors.write(tmp_path / "w.vec", FILE, VECTORS)
    np.testing.assert_allclose(word_vectors.read(tmp_path / "w.vec", ("dog",), 4).vectors["dog"], VECTORS[2], rtol=1e-6)


def arch(path, encoder="kim_cnn", **fields):
    encoder = create(f"text_encoders/{encoder}", **fields)
    own = {"length": 32, "words": 8, "vocabulary": WORDS, "encoder": encoder, "vectors": str(path)}
    return create("text_classification/classifier", num_classes=2, **own)


def test_training_begins_with_them(tmp_path):
    model = arch(layouts(tmp_path)["words.bin"], size=4, filters=2)
    graph = model.build()
    before = graph.get_layer(word_vectors.TABLE).get_weights()[0]
    line = model.load_pretrained(graph)
    assert line == "vectors of 3 words; 1 words have none; 2 of the file are not needed"
    after = graph.get_layer(word_vectors.TABLE).get_weights()[0]
    rows = {word: number for number, word in enumerate(model.vocabulary, text.FIRST)}
    for word, row in (("cat", 4), ("dog", 2), ("straße", 3)):
        np.testing.assert_array_equal(after[rows[word]], VECTORS[row])
    untouched = [0, 1, rows["zebra"]]
    np.testing.assert_array_equal(after[untouched], before[untouched])
    assert arch("", size=4, filters=2).load_pretrained(graph) is None


@pytest.mark.parametrize(
    ("content", "error", "line"),
    [
        (b"5 3\ncat 1 2 3\n", UsageError, "has vectors of 3 numbers, and the encoder of 4; set its size=3"),
        (b"2 4\ncat 1 2 3 4\n", KerasVisionError, "says that it has 2 vectors, and has 1"),
        (b"cat 1 2 3 4\ndog 1 2 3\n", UsageError, "line 2: a word and 4 numbers were expected"),
        (b"cat 1 2 x 4\n", KerasVisionError, "line 1: not all of it are numbers"),
        (b"cat 1 2 nan 4\n", KerasVisionError, "the vector of 'cat' has a number that is not finite"),
        (b"ox 1 2 3 4\n", KerasVisionError, "has none of the 4 words of the vocabulary"),
        (
            gzip.compress(b"cat 1 2 3 4\n" * 99, mtime=0)[:-20],
            KerasVisionError,
            "cannot be read: it is cut off or damaged",
        ),
    ],
)
def test_a_file_that_is_none_is_one_line(tmp_path, content, error, line):
    (tmp_path / "w.txt").write_bytes(content)
    model = arch(tmp_path / "w.txt", size=4, filters=2)
    with pytest.raises(error, match=line):
        model.load_pretrained(model.build())


def test_an_encoder_without_words_and_a_file_that_is_not_there(tmp_path):
    model = arch(tmp_path / "w.txt", "fast")
    with pytest.raises(UsageError, match="the encoder looks no words up; take kim_cnn, gru or transformer"):
        model.load_pretrained(model.build())
    with pytest.raises(KerasVisionError, match=r"w\.txt cannot be read: No such file"):
        word_vectors.read(tmp_path / "w.txt", WORDS, 4)


def test_a_step_is_the_slope_of_equation_4():
    """By differences of the objective itself; a drawn word that is the neighbor does not count."""
    random = np.random.default_rng(0)
    own, around = random.normal(size=(2, 5, 3)).astype(np.float32)
    pairs, drawn = np.array([[0, 1], [2, 3]]), np.array([[2, 1], [4, 0]])

    def objective(v, u):
        sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
        total = 0.0
        for (w, o), others in zip(pairs, drawn, strict=True):
            total += np.log(sigmoid(u[o] @ v[w])) + sum(np.log(sigmoid(-u[i] @ v[w])) for i in others if i != o)
        return total

    moved = own.copy(), around.copy()
    skip_gram.step(*moved, pairs, drawn, 1.0)
    for table in (0, 1):
        start = [own.astype(np.float64), around.astype(np.float64)]
        for place in np.ndindex(5, 3):
            ends = []
            for sign in (1, -1):
                held = [part.copy() for part in start]
                held[table][place] += sign * 1e-5
                ends.append(objective(*held))
            assert moved[table][place] - start[table][place] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-5)


def test_words_of_one_context_come_together():
    """Two sets of words that never meet: neighbors are of a word's own set."""
    random, sets = np.random.default_rng(0), (("a", "b", "c", "d"), ("w", "x", "y", "z"))
    sentences = [list(random.choice(sets[n % 2], 8)) for n in range(300)]
    words, vectors = skip_gram.SkipGram(size=8, epochs=3, sample=1.0).vectors(sentences)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    of = np.array([word in sets[0] for word in words])
    alike, apart = (unit @ unit.T)[of][:, of], (unit @ unit.T)[of][:, ~of]
    assert sorted(words) == sorted(sum(sets, ())) and alike.min() > apart.max()
    again = skip_gram.SkipGram(size=8, epochs=3, sample=1.0).vectors(sentences)
    np.testing.assert_array_equal(again[1], vectors)
    with pytest.raises(UsageError, match="fewer than two words"):
        skip_gram.SkipGram().vectors([["once", "twice"]])


def test_a_text_of_rare_words_alone_teaches_nothing():
    words, vectors = skip_gram.SkipGram(size=2, epochs=1, min_count=2).vectors([["a", "b", "a", "b"], ["rare"], []])
    assert words == ("a", "b") and vectors.shape == (2, 2) and np.isfinite(vectors).all()


def test_words_are_those_of_the_files():
    assert list(skip_gram.words_in(["Die STRASSE, 2 mal!", "Über"])) == [
        ["die", "strasse", ",", "2", "mal", "!"],
        ["über"],
    ]
