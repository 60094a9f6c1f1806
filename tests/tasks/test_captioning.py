"""Captions: what a text becomes, what is said of it, and how two captions are compared."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasvision import api
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.data.sources.base import Split
from kerasvision.inference.record import predicted_by
from kerasvision.inference.served import Served
from kerasvision.ops.text import hash_of
from kerasvision.tasks.captioning._agreement import compared
from kerasvision.tasks.targets import Asked, score
from kerasvision.train.techniques.warm_start import of_other_words, put_by_name
from tests.contract.captioning_cases import CASES

CASE = CASES["captioning/gru"]


def _plain(**fields):
    backbone = create("backbones/convnet", width=4, blocks=(1, 1))
    held = {"backbone": backbone, "image_size": (16, 16), "size": 8, "words": 5, "dropout": 0.0, "min_count": 1}
    return create("captioning/gru", **held | fields)


def _split(texts):
    """Each a list of texts of one picture."""
    ragged = tf.ragged.constant([[t.encode() for t in held] for held in texts], tf.string, ragged_rank=1)
    records = tf.data.Dataset.from_tensor_slices({"texts": ragged})

    def read(record):
        return {"texts": tf.convert_to_tensor(record["texts"]), "image": tf.zeros([8, 8, 3], tf.uint8)}

    return Split(records, read, len(texts))


SPLIT = [["A red Bird.", "Bird and tree"], ["a Bird on a tree in the red sun"], ["The red tree"]]


def test_the_training_texts_decide_words_spellings_and_what_is_known():
    arch = _plain().for_data(_split(SPLIT))
    spelled = dict(zip(arch.vocabulary, arch.spellings, strict=True))
    expected = {"bird": "Bird", "the": "The"} | {word: word for word in ("a", "red", ".", "and", "tree", "on")}
    assert spelled == expected  # "in", "the" and what follows are beyond the fifth word
    assert arch.texts_cut == (1, 4)
    graph = arch.build()
    assert arch.load_pretrained(graph) == (
        "1 of 4 training texts have more than 5 words and are cut; model.words sets them"
    )
    assert arch.for_data(_split(SPLIT)) == arch
    longer = _plain(words=9).for_data(_split(SPLIT))
    assert longer.texts_cut == (0, 4) and longer.load_pretrained(longer.build()) is None
    judge = arch.evaluator(())
    known, new = (np.array([[arch.vocabulary.index(w) for w in t.split()]]) for t in ("the red tree", "the red bird"))
    for words in (known, new):
        judge.update({"words": words}, {"references": np.int32([[[hash_of(b"sun")]]])})
    assert judge.result()["novel"] == 0.5


def test_rare_words_are_fed_and_never_asked_for():
    arch = _plain(vocabulary=("a", "red", "bird"))
    place = {word: arch.vocabulary.index(word) + 1 for word in arch.vocabulary}
    targets = arch.encode({"texts": tf.constant([b"A red owl"])})
    assert targets["words"].numpy().tolist() == [place["a"], place["red"], arch.classes, 0, 0]
    assert targets["weights"].numpy().tolist() == [1, 1, 0, 1, 0]
    whole = arch.encode({"texts": tf.constant([b"a red bird a red bird"])})  # as many as there is room for: no end
    assert whole["words"].numpy().tolist() == [place[w] for w in ("a", "red", "bird", "a", "red")]
    assert whole["weights"].numpy().tolist() == [1, 1, 1, 1, 1]
    logits = tf.random.stateless_normal([1, 5, arch.classes], [1, 2])
    batch = {k: v[None] for k, v in targets.items()}
    other = tf.tensor_scatter_nd_update(logits, [[0, 2]], [[9.0] * arch.classes])
    assert np.array_equal(arch.loss(batch, {"logits": logits})["words"], arch.loss(batch, {"logits": other})["words"])
    likely = tf.nn.log_softmax(logits)[0].numpy()
    expected = -np.mean([likely[0, place["a"]], likely[1, place["red"]], likely[3, 0]])
    np.testing.assert_allclose(arch.loss(batch, {"logits": logits})["words"], [expected], rtol=1e-6)


def test_training_draws_one_of_the_texts_and_judging_sees_all():
    arch = _plain(vocabulary=("one", "two", "three"))
    texts = tf.constant([b"one", b"two", b"three two"])
    sample = {"image": tf.zeros([8, 8, 3], tf.uint8), "texts": texts}
    drawn = []
    for seed in range(30):
        prepared, targets = arch.example(sample | {"seed": tf.constant([seed, 0])})
        assert np.array_equal(prepared["said"], targets["words"])
        drawn.append(int(targets["words"][0]))
    assert set(drawn) == {1, 2, 3}
    references = arch.ground_truth(sample)["references"].numpy()
    hashes = {word: hash_of(word.encode()) for word in ("one", "two", "three")}
    assert references[:, :2].tolist() == [[hashes["one"], 0], [hashes["two"], 0], [hashes["three"], hashes["two"]]]


@pytest.fixture(scope="module")
def trained():
    arch = dataclasses.replace(CASE.make(), beam=1)
    tf.keras.utils.set_random_seed(3)
    return arch, arch.build(), np.stack([s["image"][:20, :20] for s in CASE.samples()])


def test_a_beam_is_set_after_training(trained):
    """The same weights say what a graph that was built with the beam says, also in a run's own record."""
    arch, graph, images = trained
    more = api.changed(arch, ["beam=4", "length_power=1"])
    beamed = Served(more, graph, ())
    assert beamed.answering().output["words"].shape[1] == 4
    built = more.build()
    built.set_weights(graph.get_weights())
    inputs = {"image": images}
    expected = Served(more, built, ()).judge({"image": tf.constant(images)})
    for found in (beamed.judge({"image": tf.constant(images)}), predicted_by(more, graph, inputs)):
        assert set(found) == set(expected) and found["captions"].shape[1] == 4
        for key, value in expected.items():
            np.testing.assert_allclose(found[key], value, atol=1e-5, err_msg=key)
    alone = Served(arch, graph, ()).serve({"image": tf.constant(images)})
    assert not np.array_equal(alone["caption_score"], expected["caption_score"]), "nothing depends on the beam here"
    with pytest.raises(UsageError, match="beam=1000; allowed: 1 to"):
        api.changed(arch, ["beam=1000"])


def test_no_file_takes_what_only_training_needs(trained):
    arch, graph, _ = trained
    served = Served(arch, graph, ())
    assert set(arch.prepared_inputs()) == {"image"} and "logits" in graph.output
    assert "logits" not in served.answering().output


def _judged(probabilities, captions, chosen):
    """A judged reference of one example, by classes; and what another file says."""
    likely = np.log([[0.6] * 3, [0.5] * 3])[: len(captions)]
    words = np.array(captions[0]) - 1
    mine = {"words": words, "scores": np.array([0.6, 0.6, 0.6]), "count": (words >= 0).sum(), "caption_score": 0.2}
    theirs = np.array(chosen) - 1
    other = {"words": theirs, "scores": np.array([0.6, 0.5, 0.6]), "count": (theirs >= 0).sum(), "caption_score": 0.2}
    held = {"probabilities": np.array(probabilities), "captions": np.array(captions), "likely": likely}
    return mine | held, other


STEPS = [[0.1, 0.6, 0.3], [0.0, 0.45, 0.55], [0.9, 0.05, 0.05]]


def test_captions_are_compared_by_what_must_have_moved():
    error, differs = compared(*_judged(STEPS, [[1, 2, 0]], [1, 2, 0]))
    assert not differs and error == pytest.approx(0.1)
    error, differs = compared(*_judged(STEPS, [[1, 2, 0]], [1, 1, 0]))
    assert differs and error == pytest.approx((0.55 - 0.45) / 2)
    error, differs = compared(*_judged(STEPS, [[1, 2, 0]], [1, 0, 0]))  # it ends a word before
    assert differs and error == pytest.approx(0.55 / 2)
    two = [[1, 2, 0], [1, 1, 0]]
    error, differs = compared(*_judged(STEPS, two, [1, 1, 0]))
    assert differs and error == pytest.approx((0.6**3 - 0.5**3) / 2)
    for power in (1.0, 2.0):  # ranked by the probability ** (1 / length ** power)
        error, differs = compared(*_judged(STEPS, two, [1, 1, 0]), power)
        assert differs and error == pytest.approx((0.6 ** (3 / 3**power) - 0.5 ** (3 / 3**power)) / 2)
    short = [[1, 2, 3], [1, 0, 0]]  # less likely in all, and before the other by its rank: 0.6 ** 3 < 0.5 ** 2
    error, differs = compared(*_judged(STEPS, short, [1, 0, 0]), 1.0)
    assert differs and error == pytest.approx((0.6 - 0.5) / 2)
    assert compared(*_judged(STEPS, two, [2, 1, 0])) == (1.0, True)  # the reference has not followed it
    plain, other = _judged(STEPS, [[1, 2, 0]], [1, 1, 0])
    assert compared({k: v for k, v in plain.items() if k not in ("probabilities", "captions")}, other) == (1.0, True)
    assert np.isnan(compared(plain, other | {"scores": np.array([np.nan, 0, 0])})[0])


def test_what_cannot_be_made_is_one_line():
    with pytest.raises(KerasVisionError, match="has no vocabulary; set model.vocabulary"):
        _plain().build()
    with pytest.raises(UsageError, match="size that is a multiple of heads"):
        create("captioning/transformer", size=10, heads=4)
    with pytest.raises(UsageError, match="dropout=1, length_power=0; allowed"):
        _plain(dropout=1.0)
    with pytest.raises(UsageError, match="spellings are those of other words"):
        _plain(vocabulary=("a", "b"), spellings=("A",))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"key_words": ("Bird",)}, "key_words: 'Bird' is no word"),
        ({"key_words": ("bird", "polar bear")}, "key_words: 'polar bear' is no word"),
        ({"vocabulary": ("a", "")}, "vocabulary: '' is no word"),
        ({"vocabulary": ("A", "bird")}, "vocabulary: 'A' is no word"),
        ({"vocabulary": ("bird",), "spellings": ("tree",)}, "spellings are those of other words"),
    ],
)
def test_what_is_no_word_is_named(fields, says):
    with pytest.raises(UsageError, match=says):
        _plain(**fields)


def test_all_of_a_reference_counts_and_what_is_cut_has_no_end():
    arch = _plain(vocabulary=("a", "bird", "on"), words=3, length=12)
    texts = tf.constant([b"a bird on a tree", b"a bird"])
    references = arch.ground_truth({"texts": texts})["references"].numpy()
    assert [np.count_nonzero(row) for row in references] == [4, 2]  # of "a bird on a ", its first 12 bytes
    cut = _plain(vocabulary=("a", "bird", "on"), words=8, length=8).encode({"texts": texts})  # "a bird o"
    assert cut["weights"].numpy().tolist() == [1, 1, 0, 0, 0, 0, 0, 0]
    whole = _plain(vocabulary=("a", "bird", "on"), words=8, length=16).encode({"texts": texts})
    assert whole["weights"].numpy().tolist() == [1, 1, 1, 1, 0, 1, 0, 0]  # "tree" is not in the vocabulary
    counted = _plain(words=8, length=8, min_count=1).for_data(_split([["a bird on", "a bird"]]))
    assert counted.texts_cut == (1, 2)


def test_rows_of_other_words_are_not_taken():
    english, german = _plain(vocabulary=("a", "bird")), _plain(vocabulary=("ein", "vogel"))
    assert of_other_words(english, german) == ("decoder",) and of_other_words(english, english) == ()
    taken, fresh = put_by_name(english.build(), german.build(), of_other_words(english, german))
    assert "features" in taken and fresh == ["decoder"]


def test_attention_lies_where_the_picture_was_looked_at():
    """Of a letterboxed wide picture the rows of padding are cut off."""
    arch = _plain(vocabulary=("a",), resize="letterbox")
    positions = np.zeros((8, 8), np.float32)
    positions[4, 1] = 1.0
    placed = arch.showing.placed(positions, np.zeros((20, 40, 3), np.uint8))
    assert placed.shape == (20, 40)
    y, x = np.unravel_index(placed.argmax(), placed.shape)
    assert abs(y - 11.25) <= 2 and abs(x - 7.5) <= 2  # (4.5 - 2) / 4 of the height, 1.5 / 8 of the width


def test_a_word_is_scored_behind_the_words_of_its_own_caption(trained):
    """For any picture: what it would say by itself before the word has no part in it."""
    arch, graph, images = trained
    prepared, geometry = arch.geometry({"image": tf.constant(images)})
    raw = graph(arch.normalize(prepared), training=False)
    one = {key: value[:1] for key, value in raw.items()}
    target = arch.targets().choose(one, geometry, (), Asked(box=(1,)))[0]
    first = 1 + target.said[0] % (arch.classes - 1)  # another word than any picture begins with by itself
    target = dataclasses.replace(target, said=(first, *target.said[1:]))
    said = np.tile(target.said, (len(images), 1)).astype(np.int32)
    told = graph(arch.normalize(prepared | {"said": tf.constant(said)}), training=False)["logits"]
    found = score(arch, graph, prepared, target)
    np.testing.assert_allclose(found, told[:, 1, target.said[1]], atol=1e-5)
    own = raw["own_logits"][:, 1, target.said[1]].numpy()
    assert np.abs(found - own).min() > 1e-4
    with pytest.raises(UsageError, match="the caption has"):
        arch.targets().choose(one, geometry, (), Asked(box=(99,)))
