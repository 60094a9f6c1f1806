"""Every registered architecture, tiny, against every contract that needs no export."""

import pytest
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.train.techniques.qat import QAT
from tests.contract import contracts, light
from tests.contract.cases import (
    CASES,
    CERTIFIED,
    EXEMPT_FROM_EMBEDDING,
    EXEMPT_FROM_HEADS,
    EXEMPT_FROM_QAT,
    EXEMPT_FROM_TARGETS,
    HEADS,
    REPRESENTATIVES,
    TWO_STAGE,
    WHOLE_EXPORTS,
    graded,
    names,
)

pytestmark = pytest.mark.group_by("name")  # one architecture is work for one worker, which lets go of it after it
EVERY = pytest.mark.parametrize("name", names(), scope="module")  # of the module: one architecture after the other
# of one image and of several kinds of heads by day; layers of the others are rounded alike
ROUNDED = pytest.mark.parametrize(
    "name",
    graded({"classification/classifier", "detection/retinanet", "text_classification/classifier"}),
    scope="module",
)
# without the dearest, whose loss falls by day in test_exports.py; of the others with their float file, below
LEARNED = pytest.mark.parametrize("name", graded(set(REPRESENTATIVES) & set(WHOLE_EXPORTS)), scope="module")
# what a family does for all of its architectures: representatives, and the first of a family without one
_FIRST = {name.split("/")[0]: name for name in (*reversed(names()), *reversed(REPRESENTATIVES))}
ONE_OF_EACH = pytest.mark.parametrize("name", graded({*REPRESENTATIVES, *_FIRST.values()}), scope="module")
# files of the first two are certified by day in test_exports.py. Every list holds all names, as pytest orders by places
# in them: else an architecture is built twice
LIGHT = pytest.mark.parametrize(
    "name", graded({*names()} - {*WHOLE_EXPORTS, *CERTIFIED, *light.LIKE_ANOTHER}), scope="module"
)


@pytest.fixture(scope="module")
def held(name):
    """(architecture, its graph, the graph's first weights), built once for all contracts."""
    arch = CASES[name].make()
    graph = contracts.built(arch)
    yield arch, graph, graph.get_weights()
    keras.backend.clear_session()


@pytest.fixture
def case(name):
    return CASES[name]


@pytest.fixture
def arch(held):
    return held[0]


@pytest.fixture
def graph(held):
    held[1].set_weights(held[2])
    return held[1]


@EVERY
def test_graph_is_flat_and_functional(graph):
    contracts.check_flat(graph)


@EVERY
def test_inputs_are_what_was_promised(arch, graph, case):
    contracts.check_inputs(arch, graph, case)


@EVERY
def test_targets_are_shaped_like_raw(arch, graph, case):
    contracts.check_targets(arch, graph, case)


@EVERY
def test_loss_reaches_every_weight(arch, graph, case):
    contracts.check_gradient(arch, graph, case)


@LEARNED
def test_one_batch_can_be_overfitted(arch, graph, case):
    contracts.check_overfits(arch, graph, case)


@LIGHT
def test_the_loss_falls_and_a_float_file_answers_as_the_graph(name, arch, graph, case, tmp_path):
    within = None if name in REPRESENTATIVES else light.FALLS
    light.check_light(arch, graph, case, tmp_path, within, compares=EXEMPT_FROM_QAT.get(name) is not TWO_STAGE)


@EVERY
def test_oracle_gives_the_truth_back(arch, case):
    contracts.check_oracle(arch, case)


@EVERY
def test_the_loss_agrees_with_the_oracle(arch, case):
    contracts.check_least_loss(arch, case)


@EVERY
def test_prediction_is_what_gives_says(name, arch, graph, case):
    contracts.check_gives(arch, graph, case, fixed=name in REPRESENTATIVES)


@EVERY
def test_every_figure_says_which_way_it_is_better(arch, case):
    contracts.check_directions(arch, case)


@EVERY
def test_embedding_is_one_vector_an_example(name, arch, graph, case):
    if name in EXEMPT_FROM_EMBEDDING:
        with pytest.raises(KerasVisionError, match="has no embedding"):  # an exemption that is not needed must go
            arch.embedding(graph)
        return
    head = HEADS.get(name, HEADS.get(name.split("/")[0], ""))
    if name in EXEMPT_FROM_HEADS:
        with pytest.raises(ValueError, match="cannot be reached"):
            contracts.check_embedding(arch, graph, case, head)
        head = ""
    contracts.check_embedding(arch, graph, case, head)


@ONE_OF_EACH
def test_what_an_answer_says_has_scores(name, arch, graph, case):
    if name in EXEMPT_FROM_TARGETS:
        with pytest.raises(KerasVisionError, match="its family has no targets"):
            arch.targets()
        return
    contracts.check_scores(arch, graph, case)


@EVERY
def test_json_round_trip(name, arch):
    contracts.check_json(name, arch)


@ONE_OF_EACH
def test_run_keeps_every_weight(name, arch, graph, case, tmp_path):
    contracts.check_saved(name, arch, graph, case, tmp_path, decodes=name in REPRESENTATIVES)


@ROUNDED
def test_quantization_aware_training(name, arch, graph, case):
    if name not in EXEMPT_FROM_QAT:
        contracts.check_quantization_aware(arch, graph, case)
        return
    with pytest.raises(KerasVisionError, match="cannot be quantized"):  # an exemption that is not needed must go
        QAT().graph(arch, graph)
