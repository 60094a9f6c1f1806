"""`techniques/balance_modalities`: its coefficients in closed form, a step by hand, and a sense that it lets learn."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.train.learner import Learner
from kerasvision.train.techniques._sense_heads import own_layers, state_of
from tests.contract.multi_modal_cases import made
from tests.train import tiny


def technique(**fields):
    return create("techniques/balance_modalities", **fields)


def by_hand(answers, alpha):
    """Equation 10 of arXiv:2203.15332, of two senses as there and of more by the mean of the others; None: nobody."""
    found = []
    for number, own in enumerate(answers):
        others = [s for n, s in enumerate(answers) if n != number and s is not None]
        ratio = own / np.mean(others) if own is not None and others else 0.0
        found.append(1 - np.tanh(alpha * ratio) if ratio > 1 else 1.0)
    return found


@pytest.mark.parametrize(
    "answers",
    [(0.9, 0.3), (0.3, 0.9), (0.5, 0.5), (0.51, 0.5), (0.9, None), (0.9, 0.7, 0.3), (0.2, None, 0.4), (None, None)],
)
@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.8])
def test_the_coefficient_is_that_of_the_paper(answers, alpha):
    there = np.float32([a is not None for a in answers])
    found = technique(alpha=alpha).factors(tf.constant([a or 0.0 for a in answers]), tf.constant(there))
    np.testing.assert_allclose(found, by_hand(answers, alpha), atol=1e-6)


BITS = 4


def model(width=24):
    """A word that names the class, and numbers whose signs do by their parity alone."""
    return create(
        "multi_modal/classifier",
        num_classes=2,
        senses=("text", "numbers"),
        fusion="late",
        width=width,
        sense_dropout=0.0,
        encoder=create("text_encoders/fast", size=8, buckets=10, ngrams=()),
        vocabulary=("bad", "good"),
        length=8,
        words=2,
        number_center=(0.0,) * BITS,
        number_scale=(1.0,) * BITS,
    )


def examples(arch, count, seed, present=(1, 1)):
    """(inputs of the graph, targets, labels)."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, count)
    bits = rng.integers(0, 2, (count, BITS))
    bits[:, -1] = (bits[:, :-1].sum(1) + label) % 2
    numbers = np.float32(2 * bits - 1 + rng.normal(0, 0.2, (count, BITS)))
    text = np.array(["bad", "good"], object)[label]
    flags = np.tile(np.uint8(present), (count, 1))
    held = {"text": tf.constant(text), "numbers": tf.constant(numbers), "senses": tf.constant(flags)}
    targets = arch.encode({"label": tf.constant(label, tf.int32)})
    return arch.normalize(arch.geometry(held)[0]), targets, label


def learner_of(arch, balance, optimizer, steps):
    """(its graph, a compiled learner)."""
    graph, factors = balance.graph(arch, arch.build()), {}
    for layer, factor in balance.learning_rates(arch, graph).items():
        factors |= {weight.ref(): [factor] for weight in graph.get_layer(layer).trainable_weights}
    parts = [balance.observer(arch, graph)], balance.around_step(arch, graph)
    learner = Learner(graph, balance.objective(arch.loss, arch), *parts)
    optimizer = optimizer.make(steps, factors)
    learner.compile(optimizer=optimizer)
    optimizer.build(learner.trained_variables)
    return graph, learner


def head_answer(graph, vector, sense, label):
    """The mean probability that a head gives the right class, by numpy."""
    kernel, bias = (w.numpy().astype(np.float64) for w in graph.get_layer(f"senses_{sense}_logits").weights)
    logits = vector.numpy() @ kernel + bias
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return shares[np.arange(len(label)), label].mean()


def test_a_step_is_the_gradient_times_the_coefficient():
    """Descent without momentum: w - rate k g, of what looks at one sense; of the rest w - rate g."""
    keras.utils.set_random_seed(3)
    arch, alpha, rate = model(width=6), 0.7, 0.1
    graph, learner = learner_of(arch, technique(alpha=alpha), tiny.sgd(rate, momentum=0.0), 10)
    graph.get_layer("senses_text_logits").bias.assign([0.0, 2.0])  # so that one is ahead
    inputs, targets, label = examples(arch, 32, seed=0)
    senses, owned = ("text", "numbers"), own_layers(arch, graph)
    seen = keras.Model(graph.input, [graph.get_layer(f"{sense}_vector").output for sense in senses])
    answers = [head_answer(graph, v, s, label) for v, s in zip(seen(inputs), senses, strict=True)]
    factors = by_hand(answers, alpha)
    assert min(factors) < 0.9 and max(factors) == 1.0
    of_layer = {layer: [w for w in graph.get_layer(layer).trainable_weights if "senses_" not in w.name] for layer in
                [x.name for x in graph.layers]}  # fmt: skip
    weights = [w for held in of_layer.values() for w in held]
    with tf.GradientTape() as tape:
        logits = graph(inputs, training=True)["logits"]
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets["logits"], logits))
    gradients = dict(zip([w.ref() for w in weights], tape.gradient(loss, weights), strict=True))
    before = {w.ref(): w.numpy() for w in weights}
    learner.fit(tf.data.Dataset.from_tensors((inputs, targets)), verbose=0, callbacks=list(technique().callbacks()))
    assert {"text_vector", "numbers_vector"} < set(owned) and "logits_text" not in owned
    for layer, held in of_layer.items():
        k = factors[owned[layer]] if layer in owned else 1.0
        for weight in held:
            wanted = before[weight.ref()] - rate * k * tf.convert_to_tensor(gradients[weight.ref()]).numpy()
            np.testing.assert_allclose(weight, wanted, atol=1e-6, err_msg=weight.name)
    recorded = learner.history.history
    for number, sense in enumerate(senses):
        squares = [tf.reduce_sum(tf.convert_to_tensor(gradients[w.ref()]) ** 2) for n, o in owned.items() if o == number
                   for w in of_layer[n]]  # fmt: skip
        assert recorded[f"senses/gradient/{sense}"] == pytest.approx([np.sqrt(np.sum(squares))], rel=1e-4)
        assert recorded[f"senses/alone/{sense}"] == pytest.approx([answers[number]], rel=1e-5)
        assert recorded[f"senses/factor/{sense}"] == pytest.approx([factors[number]], rel=1e-5)
    assert not state_of(graph).counts.numpy().any(), "the next epoch begins anew"


def test_noise_is_as_large_as_the_gradient_varies():
    """Of n numbers the deviation is known to 1 / sqrt(2 n), of which five are allowed; each step draws others."""
    gradient = tf.constant(np.random.default_rng(0).normal(3.0, 0.2, (100, 50)), tf.float32)
    balance = technique(noise=0.5)
    first, again, other = (balance.noise_of(gradient, tf.constant(n, tf.int64), 4).numpy() for n in (1, 1, 2))
    assert first.std() == pytest.approx(0.5 * 0.2, rel=5 * (2 * 5000) ** -0.5 + 0.02)
    assert abs(first.mean()) < 5 * 0.1 * 5000**-0.5
    far = technique(noise=0.5, seed=20240101).noise_of(gradient, tf.constant(2**40, tf.int64), 4)
    assert np.isfinite(far).all() and (far.numpy() != first).any()
    assert (first == again).all() and abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 5 * 5000**-0.5


def disorder(balance, seed, steps=400):
    """The share of pairs of unseen examples, one a class, whose order the log-odds of the numbers get wrong, where the
    text is missing; after training with both. (1 - the area under the ROC curve.)
    """
    keras.utils.set_random_seed(seed)
    arch = model()
    optimizer = create("optimizers/adamw", learning_rate=0.003, schedule="constant", warmup=0.0)
    graph, learner = learner_of(arch, balance, optimizer, steps)
    inputs, targets, _ = examples(arch, 512, seed)
    data = tf.data.Dataset.from_tensor_slices((inputs, targets)).shuffle(512, seed=seed).repeat().batch(64)
    learner.fit(data, steps_per_epoch=steps, verbose=0)
    inputs, _, label = examples(arch, 500, seed=99, present=(0, 1))
    odds = np.diff(graph(inputs, training=False)["logits"].numpy())[:, 0]
    return float((odds[label == 1][:, None] <= odds[label == 0][None]).mean())


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(4))
def test_the_quick_sense_stops_the_slow_one_unless_it_is_slowed_down(seed):
    """A word that says all is learned in some steps, and then no error is left to learn the numbers' parity from."""
    alone, balanced = disorder(technique(alpha=0.0), seed), disorder(technique(alpha=1.0), seed)
    assert alone > 0.02, "nothing stopped it"
    assert balanced < alone / 2


@pytest.mark.nightly
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_losses_of_heads_let_the_slow_sense_learn(seed):
    """The features of numbers learn from their own head, so that it tells the classes apart."""
    keras.utils.set_random_seed(seed)
    arch = model(width=12)
    found = {}
    for weight in (0.0, 1.0):
        keras.utils.set_random_seed(seed)
        graph, learner = learner_of(arch, technique(alpha=0.0, weight=weight), tiny.sgd(0.3, momentum=0.0), 400)
        inputs, targets, _ = examples(arch, 512, seed)
        data = tf.data.Dataset.from_tensor_slices((inputs, targets)).shuffle(512, seed=seed).repeat().batch(64)
        learner.fit(data, steps_per_epoch=400, verbose=0)
        inputs, _, label = examples(arch, 500, seed=99)
        said = graph(inputs, training=False)["senses/numbers/logits"].numpy().argmax(1)
        found[weight] = (said != label).mean()
    assert found[1.0] < found[0.0] / 2


NIGHTLY = [pytest.param(name, marks=pytest.mark.nightly) for name in ("early", "film", "gated", "late")]


@pytest.mark.parametrize("fusion", ["attention", *NIGHTLY])
def test_every_fusion_has_heads_that_are_gone_again(fusion):
    task = "regressor" if fusion == "film" else "classifier"
    fields = {"num_outputs": 2, "center": (1.5, 3.5), "scale": (1.1, 3.5)} if fusion == "film" else {"num_classes": 4}
    arch = made(task, fusion, **fields)
    graph = arch.build()
    with_heads = technique().graph(arch, graph)
    key = next(iter(graph.output))
    for sense in arch.senses:
        assert with_heads.output[f"senses/{sense}/{key}"].shape == graph.output[key].shape
    owned = own_layers(arch, with_heads)
    assert {owned[layer.name] for layer in graph.layers if layer.name.startswith("backbone_") and layer.weights} == {0}
    assert {owned[name] for name in owned if name.startswith(("encoder_", "text_"))} == {1}
    assert {owned[name] for name in owned if name.startswith("numbers_")} == {2}
    stripped = technique().strip(arch, with_heads)
    assert {v.name for v in stripped.variables} == {v.name for v in graph.variables}
    assert set(stripped.output) == set(graph.output)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"alpha": -0.1}, r"balance_modalities.alpha=-0.1; allowed: 0 or more"),
        ({"noise": float("nan")}, r"balance_modalities.noise=nan; allowed: 0 or more"),
        ({"weight": 1.5}, r"balance_modalities.weight=1.5; allowed: 0 to 1"),
    ],
)
def test_wrong_fields_are_one_line(fields, message):
    with pytest.raises(UsageError, match=message):
        technique(**fields)


def test_what_others_add_to_the_graph_comes_after_it():
    x = keras.Input((2,), name="x")
    graph = keras.Model({"x": x}, {"logits": x, "hints/0": x})
    with pytest.raises(UsageError, match="goes before what adds hints/0 to the graph; name it first"):
        technique().graph(None, graph)


def test_a_model_of_one_sense_is_one_line():
    with pytest.raises(UsageError, match="classification/classifier has one sense; multi_modal/... have several"):
        technique().fit_statistics(dataclasses.replace(tiny.classifier(), num_classes=2), None)
