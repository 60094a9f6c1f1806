"""What every architecture owes, as functions that raise AssertionError. `test_contracts.py` asks every architecture;
`test_half_finished.py` plants one fault after the other and sees each refused.
"""

import dataclasses
import json

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras.src.engine.functional import Functional

from kerasvision.core.component import from_json, to_json
from kerasvision.core.direction import direction_of, goodness
from kerasvision.core.recipe import Budget, Recipe
from kerasvision.core.registry import create
from kerasvision.inference.served import Served
from kerasvision.ops.nms import Suppression
from kerasvision.tasks.targets import as_float, score, score_of_inputs
from kerasvision.train.learner import Learner
from kerasvision.train.run import Trained, load_run, save_run
from kerasvision.train.techniques.qat import QAT
from tests.contract.cases import CASES, CaseSamples


def built(arch, seed=0):
    """A graph with weights that depend on nothing but the seed."""
    keras.utils.set_random_seed(seed)
    return arch.build()


_last = []  # the architecture and the case that `batch_of` was asked for, and its answer: most contracts want it


def batch_of(arch, case):
    """(prepared inputs, geometry, targets) of all samples of a case."""
    if not (_last and _last[0] is arch and _last[1] is case):
        _last[:] = arch, case, _batch_of(arch, case)
    return tuple(dict(part) for part in _last[2])


def _batch_of(arch, case):
    rows = []
    for sample in case.samples():
        prepared, geometry, moved = arch.prepare_sample(tf.nest.map_structure(tf.constant, sample))
        rows.append((prepared, geometry, arch.encode(moved)))
    return tf.nest.map_structure(lambda *values: tf.stack(values), *rows)


def shapes(tensors):
    return {k: tuple(v.shape) for k, v in tensors.items()}


def forms(tensors):
    """key -> (dtype, shape without batch)."""
    return {k: (t.dtype.name, tuple(t.shape[1:])) for k, t in tensors.items()}


def check_flat(graph):
    """A flat functional model of Keras layers, dict in, dict out."""
    assert type(graph) is Functional, f"{type(graph).__name__} is no plain functional model: tfmot would lose it"
    for layer in graph.layers:
        kind = type(layer).__name__
        assert not isinstance(layer, keras.Model), f"{layer.name} is a model inside the model"
        assert kind not in ("Lambda", "TFOpLambda", "SlicingOpLambda"), f"{layer.name} is a {kind}"
    for what, tensors in (("input", graph.input), ("output", graph.output)):
        assert isinstance(tensors, dict), f"the {what} is a {type(tensors).__name__}, not a dict"
    for key, tensor in graph.input.items():
        assert tensor.name == key, f"the input {key!r} has a layer named {tensor.name!r}"
    json.loads(graph.to_json())  # every layer can be written down, so techniques can clone the graph


def check_inputs(arch, graph, case):
    """`geometry` gives what `prepared_inputs` promises, `normalize` what the graph takes."""
    prepared, _, _ = batch_of(arch, case)
    assert forms(prepared) == forms(arch.prepared_inputs()), "geometry gives other than prepared_inputs"
    assert forms(arch.normalize(prepared)) == forms(graph.input), "normalize gives other than the graph takes"


def check_targets(arch, graph, case):
    """Raw, targets and the oracle's raw have the same keys and shapes; the loss gives one number an example."""
    prepared, _, targets = batch_of(arch, case)
    raw = graph(arch.normalize(prepared), training=False)
    assert shapes(graph(arch.normalize(prepared), training=True)) == shapes(raw), "raw depends on `training`"
    assert shapes(arch.ideal_raw(targets)) == shapes(raw), "the oracle's raw is not shaped like the graph's"
    if not case.assigns_in_loss:
        assert shapes(targets) == shapes(raw), "targets are not shaped like raw"
    for name, loss in arch.loss(targets, raw).items():
        assert loss.dtype == tf.float32, f"loss {name} is {loss.dtype.name}"
        assert loss.shape == (len(case.samples()),), f"loss {name} has shape {loss.shape}, not one value an example"


def check_gradient(arch, graph, case):
    """The loss reaches every trainable weight."""
    prepared, _, targets = batch_of(arch, case)
    with tf.GradientTape() as tape:
        raw = graph(arch.normalize(prepared), training=True)
        total = tf.add_n([tf.reduce_mean(v) for v in arch.loss(targets, raw).values()])
    assert graph.trainable_variables, "nothing to train"
    names, sizes = [w.name for w in graph.trainable_variables], []
    for weight, gradient in zip(
        graph.trainable_variables, tape.gradient(total, graph.trainable_variables), strict=True
    ):
        assert gradient is not None, f"{weight.name} is not reached by the loss"
        sizes.append(np.abs(tf.convert_to_tensor(gradient).numpy()).max())
        assert np.isfinite(sizes[-1]), f"{weight.name} has a gradient that is not finite"
    for name, size in zip(names, sizes, strict=True):
        assert size > 1e-6 * max(sizes), f"{name} has no gradient, or one that is rounding alone"


def total_loss(arch, graph, inputs, targets):
    raw = graph(inputs, training=True)
    return float(tf.add_n([tf.reduce_mean(v) for v in arch.loss(targets, raw).values()]))


def check_overfits(arch, graph, case, within=None):
    """One batch can be learned by heart. within: (steps, fraction of the first loss), else those of the case."""
    steps, fraction = within or case.overfit
    prepared, _, targets = batch_of(arch, case)
    inputs = arch.normalize(prepared)
    learner = Learner(graph, arch.loss)
    learner.compile(optimizer=keras.optimizers.AdamW(case.learning_rate))
    first = total_loss(arch, graph, inputs, targets)
    data = tf.data.Dataset.from_tensors((inputs, targets)).cache().repeat()
    learner.fit(data, steps_per_epoch=steps, epochs=1, verbose=0)
    last = total_loss(arch, graph, inputs, targets)
    assert last <= fraction * first, f"the loss fell from {first:.4g} to {last:.4g} in {steps} steps, not by enough"


def check_oracle(arch, case):
    """encode -> ideal_raw -> decode gives the truth back."""
    _, geometry, targets = batch_of(arch, case)
    prediction = {k: v.numpy() for k, v in arch.decode(arch.ideal_raw(targets), geometry).items()}
    evaluator = arch.evaluator(case.classes)
    for number, sample in enumerate(case.samples()):
        ground_truth = arch.ground_truth(tf.nest.map_structure(tf.constant, sample))
        one = {k: v[number : number + 1] for k, v in prediction.items()}
        evaluator.update(one, {k: tf.convert_to_tensor(v).numpy()[None] for k, v in ground_truth.items()})
    result = evaluator.result()
    assert np.isclose(result[arch.main_metric], case.perfect, rtol=0, atol=1e-9), f"the truth is lost: {result}"
    error, flip = arch.compare(prediction, prediction)
    assert error.shape == flip.shape == (len(case.samples()),)
    assert not error.any() and not flip.any(), "a prediction differs from itself"


def check_least_loss(arch, case):
    """What is perfect for decoding is perfect for the loss: otherwise the two code things differently."""
    _, _, targets = batch_of(arch, case)
    for name, loss in arch.loss(targets, arch.ideal_raw(targets)).items():
        assert np.abs(loss).max() <= case.least_loss, (
            f"{name} is {np.abs(loss).max():.3g} when every prediction is right"
        )


def check_gives(arch, graph, case, fixed=True):
    """Keys, dtypes and static shapes are what `outputs` says; JSON can be written. fixed: of `Served.fixed` as well."""
    if hasattr(arch, "suppression"):  # a fresh graph is sure of nothing, and an empty answer says nothing
        arch = dataclasses.replace(arch, suppression=Suppression(score_threshold=0.0))
    served = Served(arch, graph, case.classes)
    promised = {k: (g.dtype, (None, *g.shape)) for k, g in arch.outputs.items()}
    for function in (served.serve, served.fixed(batch=None)) if fixed else (served.serve,):
        outputs = function.get_concrete_function().structured_outputs
        if function is served.serve or set(outputs) == set(
            promised
        ):  # else `to_original_pixels` makes what was promised of it
            given = {k: (v.dtype.name, tuple(v.shape)) for k, v in outputs.items()}
            assert given == promised, f"{given} and not {promised}"  # said: who imports this first may not rewrite it
    prepared, geometry, _ = batch_of(arch, case)
    answers = {k: v.numpy() for k, v in served.predict(prepared, geometry).items()}
    for key, value in answers.items():
        assert np.isfinite(value.astype(np.float64)).all(), f"{key} is not finite"
    assert not hasattr(arch, "suppression") or answers["count"].min() > 0, "nothing to look at"
    for number, sample in enumerate(case.samples()):
        alone = served.serve({k: tf.constant(v[None]) for k, v in arch.inputs_of(sample).items()})
        # what is as large as its image is padded to the largest image of a batch
        one = {k: v[(slice(number, number + 1), *map(slice, alone[k].shape[1:]))] for k, v in answers.items()}
        error, flip = arch.compare(one, {k: v.numpy() for k, v in alone.items()})
        assert error[0] < 1e-5 and not flip[0], "an example's answer depends on the others in its batch"
        json.dumps(arch.describe({k: v[0] for k, v in one.items()}, case.classes), allow_nan=False)


def check_directions(arch, case):
    """Every figure has a stated direction, the main metric one to choose by; and the truth is better than nonsense."""
    evaluator, worse = (arch.evaluator(case.classes) for _ in range(2))
    prepared, geometry, targets = batch_of(arch, case)
    perfect = arch.ideal_raw(targets)
    nonsense = {k: tf.roll(v, 1 + (k in case.told_from), 0) for k, v in perfect.items()}
    for judge, raw in ((evaluator, perfect), (worse, nonsense)):
        for number, sample in enumerate(case.samples()):
            one = {k: v[number : number + 1] for k, v in raw.items()}
            place = {k: v[number : number + 1] for k, v in geometry.items()}
            answer = arch.decode(one, place)
            ground_truth = arch.ground_truth(tf.nest.map_structure(tf.constant, sample))
            judge.update(
                {k: v.numpy() for k, v in answer.items()}, {k: np.asarray(v)[None] for k, v in ground_truth.items()}
            )
    unsaid = [key for key in evaluator.result() if direction_of(evaluator.directions, key) is None]
    assert not unsaid, f"nothing says whether more or less of {', '.join(unsaid)} is better"
    main, direction = arch.main_metric, arch.main_direction(case.classes)
    better, other = (goodness(judge.result()[main], direction) for judge in (evaluator, worse))
    assert better > other, f"{main} is not better for the truth"


def recipe_of(name, arch, epochs=1, copies=1):
    """A recipe that trains `arch` on the samples of its case, all of them in one step, `copies` steps an epoch."""
    return Recipe(
        name=name.replace("/", "_"),
        model=arch,
        data=CaseSamples(name, copies),
        optimizer=create("optimizers/adamw", learning_rate=1e-2),
        epochs=epochs,
        **CASES[name].parts(),
        batch_size=len(CASES[name].samples()),
        budget=Budget(accuracy_drop=1.0),
        validation_fraction=0.0,
    )


def check_json(name, arch):
    """The architecture is its JSON, alone and in a recipe."""
    recipe = recipe_of(name, arch)
    assert from_json(json.loads(json.dumps(to_json(arch)))) == arch
    assert Recipe.loads(recipe.dumps()) == recipe


def check_saved(name, arch, graph, case, folder, decodes=True):
    """A run keeps every weight, those that are not trained too. decodes: raw outputs are compared decoded as well."""
    rng = np.random.default_rng(0)
    graph.set_weights([w + rng.uniform(0.1, 0.5, w.shape).astype(w.dtype) for w in graph.get_weights()])
    save_run(kept := Trained(recipe_of(name, arch), graph, case.classes, {}, folder))
    loaded = load_run(folder)
    assert loaded.arch == arch and loaded.classes == case.classes
    for before, after in zip(graph.weights, loaded.graph.weights, strict=True):
        assert np.array_equal(before, after), f"{before.name} was not kept"
    prepared, geometry, _ = batch_of(arch, case)
    before, after = (g(arch.normalize(prepared), training=False) for g in (graph, loaded.graph))
    if decodes:
        before, after = (t.served().predict_prepared(prepared, geometry) for t in (kept, loaded))
    for key in before:
        assert np.array_equal(before[key], after[key]), f"the loaded run gives other predictions ({key})"


def check_quantization_aware(arch, graph, case):
    """Quantization-aware training keeps the keys and still learns."""
    aware = QAT().graph(arch, graph)
    prepared, _, targets = batch_of(arch, case)
    inputs = arch.normalize(prepared)
    assert shapes(aware(inputs)) == shapes(graph(inputs))
    assert set(aware.input) == set(graph.input), "quantization lost the inputs' names"
    learner = Learner(aware, arch.loss)
    learner.compile(optimizer=keras.optimizers.SGD(1e-3))
    before = [w.numpy() for w in aware.trainable_variables]
    learner.fit(tf.data.Dataset.from_tensors((inputs, targets)), verbose=0)
    for weight, old in zip(aware.trainable_variables, before, strict=True):
        assert np.isfinite(weight.numpy()).all() and not np.array_equal(weight, old), f"{weight.name} did not learn"
    assert Served(arch, aware, case.classes).quantization_aware


def check_embedding(arch, graph, case, head=""):
    """One finite vector an example, the same again and whatever else is in the batch. head: the raw key that the rest
    of the graph makes of it alone, or "".
    """
    inputs = arch.normalize(batch_of(arch, case)[0])
    tensor = arch.embedding(graph)
    inner = keras.Model(graph.input, tensor)
    found, again = (inner(inputs, training=False).numpy() for _ in range(2))
    count = len(case.samples())
    assert found.dtype == np.float32 and found.ndim == 2 and found.shape[0] == count, f"it is {found.shape}"
    assert np.isfinite(found).all(), "it is not finite"
    assert np.array_equal(found, again), "it is another one each time"
    alone = inner({k: v[:1] for k, v in inputs.items()}, training=False).numpy()
    np.testing.assert_allclose(alone, found[:1], rtol=1e-4, atol=1e-5, err_msg="it depends on the others in its batch")
    assert np.ptp(found, 0).max() > 1e-6, "it is the same for all examples"
    if head:
        raw = graph(inputs, training=False)[head].numpy()
        rest = keras.Model(tensor, graph.output[head])
        np.testing.assert_allclose(
            rest(found, training=False), raw, rtol=1e-5, atol=1e-5, err_msg="the head makes other raw outputs of it"
        )


def check_scores(arch, graph, case):
    """Each target of an answer has a score an example, whatever else is in the batch, in which the input has a part."""
    lowest = {"suppression": Suppression(score_threshold=0.0), "score_threshold": 0.0}  # a fresh graph is not sure
    arch = dataclasses.replace(arch, **{k: v for k, v in lowest.items() if hasattr(arch, k)})
    prepared, geometry, _ = batch_of(arch, case)
    first, place = ({k: v[:1] for k, v in part.items()} for part in (prepared, geometry))
    targets = arch.targets().choose(as_float(graph(arch.normalize(first), training=False)), place, case.classes)
    assert targets, "nothing can be explained"
    for target in targets:
        assert target.text, "a target without words"
        inputs = arch.normalize(prepared)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            found = score_of_inputs(graph, inputs, target)
        assert found.dtype == tf.float32 and found.shape == (len(case.samples()),), f"{target.text}: {found.shape}"
        np.testing.assert_allclose(score(arch, graph, first, target), found[:1], rtol=1e-4, atol=1e-5)
        slopes = [g for g in tape.gradient(found, inputs).values() if g is not None]
        assert all(np.isfinite(g).all() for g in slopes), f"{target.text}: a gradient that is not finite"
        assert max(np.abs(g[0]).max() for g in slopes) > 0, f"{target.text}: no input has a part in it"
