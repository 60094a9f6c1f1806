"""Every fusion, tiny: it learns, what is missing has no part in its answer, and its files answer as the graph does."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create, fusions
from kerasvision.export.targets.tflite import TFLiteRunner, convert
from kerasvision.inference.served import Served
from kerasvision.train.techniques.qat import QAT
from tests.contract import contracts
from tests.contract.case import PHOTOGRAPHS, Case
from tests.contract.multi_modal_cases import made, samples

NAMES = ("attention", "early", "film", "gated", "late")
SETS = [held for size in (1, 2) for held in itertools.combinations(range(3), size)]  # of senses, but the whole
NIGHTLY = pytest.mark.nightly


def by_day(*names):
    """All fusions for `parametrize`, nightly but these."""
    return [pytest.param(n, marks=() if n in names else NIGHTLY) for n in NAMES]


def test_every_fusion_is_here():
    assert set(NAMES) == set(fusions.names())


def case_of(arch):
    return Case(lambda: arch, samples, PHOTOGRAPHS)


@pytest.fixture(scope="module")
def held(name):
    """(architecture, its graph once it has learned one batch, its case)."""
    arch = made("classifier", name, num_classes=4)
    case, graph = case_of(arch), contracts.built(arch)
    contracts.check_flat(graph)
    contracts.check_inputs(arch, graph, case)
    contracts.check_gradient(arch, graph, case)  # the encoder of each sense is among the weights that it reaches
    contracts.check_overfits(arch, graph, case)
    return arch, graph, case


def whole():
    """The two examples at the ends that have all senses, of two photographs, batched by key."""
    first, *_, last = (s for s in samples() if s["senses"].all())
    return {k: np.stack([first[k], last[k]]) for k in ("text", "numbers", "senses")}, [first["image"], last["image"]]


def asked(arch, served, flags, swapped=()):
    """float [2, 4]: logarithms of the probabilities with these flags, and the senses `swapped` of the other example."""
    batch, images = whole()
    other = {k: v[::-1] for k, v in batch.items()} | {"image": images[::-1]}
    given = batch | {"image": images} | {arch.senses[n]: other[arch.senses[n]] for n in swapped}
    rows = []
    for number in range(2):
        row = {k: tf.constant(np.array(given[k][number])[None]) for k in arch.senses}
        row |= {"senses": tf.constant(flags[None])}
        rows.append(served.serve(row)["probabilities"].numpy()[0])
    return np.log(np.stack(rows))


# of the others `gated` learns and is written by day in the contract tests, `late` learns in test_modalities.py of
# tests/experiments, and `early` has no layer of its own
@pytest.mark.parametrize("name", by_day("attention"), scope="module")
def test_it_learns_and_what_is_missing_has_no_part_in_its_answer(held):
    arch, graph, _ = held
    served = Served(arch, graph, PHOTOGRAPHS)
    for present in SETS:
        flags = np.uint8([n in present for n in range(3)])
        missing = [n for n in range(3) if n not in present]
        found = asked(arch, served, flags)
        np.testing.assert_allclose(found, asked(arch, served, flags, missing), atol=2e-5, err_msg=f"{present}")
        assert np.isfinite(found).all()
        if len(present) == 1:  # beside others a gate may close one all but wholly
            apart = np.abs(found - asked(arch, served, flags, present)).max()
            assert apart > 0.01, f"it does not look at {arch.senses[present[0]]}"


@pytest.mark.parametrize("name", by_day("attention"), scope="module")
def test_files_answer_as_the_graph_does(held, tmp_path):
    arch, graph, case = held
    served = Served(arch, graph, PHOTOGRAPHS)
    inputs = [{k: v[None] for k, v in arch.inputs_of(sample).items()} for sample in case.samples()]
    expected = [served.serve({k: tf.constant(v) for k, v in one.items()})["probabilities"].numpy() for one in inputs]
    calibration = [{k: v.numpy() for k, v in arch.geometry(one)[0].items()} for one in inputs]
    for precision, near in (("float32", 1e-5), ("int8", 0.05)):
        (tmp_path / "model.tflite").write_bytes(convert(served, precision, "mixed", calibration))
        runner = TFLiteRunner(tmp_path / "model.tflite", arch)
        found = np.concatenate([runner(one)["probabilities"] for one in inputs])
        np.testing.assert_allclose(found, np.concatenate(expected), atol=near, err_msg=precision)


@pytest.mark.nightly
@pytest.mark.parametrize("name", by_day("attention"))
def test_quantization_aware_training_of_a_picture_and_numbers(name):
    """Words have ids, which it would round."""
    fusion = create("fusions/film", by="numbers") if name == "film" else name
    arch = made("classifier", fusion, num_classes=4, senses=("image", "numbers"))

    def pairs():
        held = [{k: v for k, v in s.items() if k != "text"} | {"senses": s["senses"][[0, 2]]} for s in samples()]
        return [s for s in held if s["senses"].any()]

    case = Case(lambda: arch, pairs, PHOTOGRAPHS)
    graph = contracts.built(arch)
    if name != "gated":
        contracts.check_quantization_aware(arch, graph, case)
        return
    # of two senses the one that is left has the whole share, and what stands in for the other learns nothing
    aware, inputs = QAT().graph(arch, graph), arch.normalize(contracts.batch_of(arch, case)[0])
    found, wanted = (held(inputs, training=True)["logits"].numpy() for held in (aware, graph))
    assert Served(arch, aware, case.classes).quantization_aware
    np.testing.assert_allclose(found, wanted, atol=0.1 * np.abs(wanted).max())


@pytest.mark.parametrize(
    ("fusion", "fields", "message"),
    [
        (("attention", {"heads": 3}), {}, r"fusions/attention: .*width=8; allowed: 1 or more, a width that is a mult"),
        (("attention", {"dropout": 1.0}), {}, "dropout 0 to less than 1"),
        (("film", {"blocks": 0}), {}, "blocks=0; allowed: 1 or more"),
        (
            ("film", {}),
            {"senses": ("image", "numbers")},
            "by='text' is none of the model's senses; allowed: image, num",
        ),
        (("late", {}), {"scaling": "vector"}, "scaling='vector' with fusions/late, which the validation split weighs"),
    ],
)
def test_what_a_fusion_cannot_join_is_one_line(fusion, fields, message):
    name, own = fusion
    with pytest.raises(UsageError, match=message):
        made("classifier", create(f"fusions/{name}", **own), num_classes=4, **fields)


def test_numbers_have_no_log_odds():
    with pytest.raises(UsageError, match="fusions/late adds log-odds, and numbers have none; take fusions/early"):
        made("regressor", "late", num_outputs=2)
