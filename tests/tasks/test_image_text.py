"""What a model of pictures and words decides for itself: which text is drawn, which are equal, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.data.pipeline import training_data
from kerasvision.data.sources.base import Split
from kerasvision.tasks.embedding.image_text import number_of
from tests.contract.text_cases import encoder

NAME = "embedding/image_text"
TEXTS = ("one", "two", "three")


def tiny(**fields):
    backbone = create("backbones/convnet", width=4, blocks=(1, 1))
    fields = {"dimension": 4, "image_size": (8, 8), "vocabulary": TEXTS, "length": 24, "words": 6} | fields
    return create(NAME, backbone=backbone, encoder=encoder(), **fields)


def split(texts, count=1):
    """Black pictures that all have the same texts."""
    sample = {"image": np.zeros((8, 8, 3), np.uint8), "text": texts[0].encode(), "texts": [t.encode() for t in texts]}
    return Split(tf.data.Dataset.from_tensors(sample).repeat(count), dict, count)


def drawn(seed, texts=TEXTS, augment=()):
    """The numbers of the texts of the first 60 examples of training."""
    recipe = Recipe(name="drawn", model=tiny(), data=create("sources/digits"), augment=augment)
    data = training_data(split(texts), tiny(), recipe, batch_size=20, seed=seed)
    return np.concatenate([targets["text"].numpy() for _, targets in data.take(3)])


def test_each_of_a_picture_s_texts_is_drawn_by_the_seed():
    numbers, first = number_of(tf.constant(TEXTS)).numpy(), drawn(0)
    assert set(first) == set(numbers)
    counts = np.array([(first == n).sum() for n in numbers])
    assert counts.min() > 8, "60 draws of three: below 9 of one in one of 3,000 runs"
    assert np.array_equal(drawn(0), first) and not np.array_equal(drawn(1), first)


def test_augmentations_reach_the_text_that_is_drawn():
    """Of two words one in two is left out, so that texts come whole, and as a word of theirs."""
    texts = ("one two", "three four")
    whole, parts = (set(number_of(tf.constant(t)).numpy()) for t in (texts, ["one", "two", "three", "four"]))
    assert set(drawn(0, texts)) == whole
    assert set(drawn(0, texts, (create("augmentations/text/drop_words", rate=0.5),))) == whole | parts


def test_the_vocabulary_is_of_all_texts_of_training():
    arch = tiny(vocabulary=()).for_data(split(("a red ring", "ein roter Ring")))
    assert set(arch.vocabulary) == {"a", "red", "ring", "ein", "roter"}


def test_texts_are_equal_but_for_case_and_blanks():
    numbers = number_of(tf.constant(["Über Wasser", "über wasser ", "uber wasser"])).numpy()
    assert numbers[0] == numbers[1] != numbers[2]


def test_the_words_have_no_share_in_the_picture_s_vector():
    arch = tiny()
    graph = arch.build()
    image = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    texts = tf.constant(["one", "two three"])
    inputs, geometry = arch.preprocess({"image": tf.constant(image), "text": texts})
    whole = arch.decode(graph(inputs, training=False), geometry)
    functions = arch.functions(graph)
    alone = functions["embed_image"].call({"image": tf.constant(image)})
    np.testing.assert_allclose(alone["embedding"], whole["embedding"], atol=1e-6)
    prepared = arch.alone("text").geometry({"text": texts})[0]
    np.testing.assert_allclose(
        functions["embed_text"].call(prepared)["text_embedding"], whole["text_embedding"], atol=1e-6
    )
    np.testing.assert_allclose(whole["cosine"], np.sum(whole["embedding"] * whole["text_embedding"], -1), atol=1e-6)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"temperature": 0.001}, "model.temperature=0.001; allowed: 0.01 or more"),
        ({"words": 30}, "no more words than bytes"),
        ({"dimension": 1}, "model.dimension=1; allowed: 2 or more"),
    ],
)
def test_what_makes_no_model_is_one_line(fields, says):
    with pytest.raises(UsageError, match=says):
        tiny(**fields)
