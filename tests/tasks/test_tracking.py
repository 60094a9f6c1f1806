"""What a follower cuts, compares, learns and decides, against closed forms, scipy and drawn pictures."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from scipy import signal

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import UsageError
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.export.functions import answers, apart, prepared_feeds
from kerasvision.export.repair.flatbuffer import name_of, unpacked
from kerasvision.export.targets.tflite import TFLiteRunner, convert
from kerasvision.inference.served import Served
from kerasvision.layers.correlation import DepthwiseCorrelation
from kerasvision.ops.cutting import context_side, cut_windows
from tests.contract.tracking_cases import samples, tiny

RNG = np.random.default_rng(5)


def test_windows_of_a_ramp_are_the_ramp():
    """Bilinear interpolation gives a plane back exactly, at any place and scale."""
    y, x = np.mgrid[:40, :60].astype(np.float32)
    ramp = np.stack([2 * x + 3 * y, x, y], -1)[None]
    centers, sides, size = np.float32([[30.25, 20.5], [20, 18]]), np.float32([10.0, 24.0]), 8
    found = cut_windows(np.repeat(ramp, 2, 0), centers, sides, size).numpy()
    for window, center, side in zip(found, centers, sides, strict=True):
        steps = ((np.arange(size) + 0.5) / size - 0.5) * side - 0.5
        xs, ys = np.meshgrid(center[0] + steps, center[1] + steps)
        np.testing.assert_allclose(window, np.stack([2 * xs + 3 * ys, xs, ys], -1), atol=1e-4)


def test_what_is_outside_of_a_picture_is_gray():
    white = np.full((1, 10, 10, 3), 255, np.uint8)
    found = cut_windows(white, np.float32([[0, 5]]), np.float32([10]), 10).numpy()[0]
    np.testing.assert_array_equal(found[:, :5], 114)
    np.testing.assert_array_equal(found[:, 5:], 255)


def test_the_context_of_a_box_is_that_of_the_paper():
    """Of a square box twice its side; of 40 x 10: sqrt((40 + 25) (10 + 25))."""
    boxes = np.float32([[0, 0, 30, 30], [5, 5, 45, 15]])
    np.testing.assert_allclose(context_side(boxes), [60, np.sqrt(65 * 35)], rtol=1e-6)


def test_the_correlation_is_scipy_s():
    search, kernel = RNG.normal(size=(2, 9, 8, 3)), RNG.normal(size=(2, 4, 3, 3))
    found = DepthwiseCorrelation()([np.float32(search), np.float32(kernel)]).numpy()
    for b in range(2):
        for c in range(3):
            wanted = signal.correlate2d(search[b, ..., c], kernel[b, ..., c], "valid") / 12
            np.testing.assert_allclose(found[b, ..., c], wanted, atol=1e-5)


@pytest.mark.parametrize(("trim", "is_seen"), [(3, False), (0, True)])
def test_padding_is_not_seen_where_it_is_trimmed(trim, is_seen):
    """A window shifted by a stride has a shifted response, unless padding has a part in it."""
    arch = tiny(trim=trim)
    graph = arch.build()
    picture = RNG.normal(size=(1, 96, 96, 3)).astype(np.float32)
    exemplar = picture[:, 20:68, 20:68]
    first, second = (
        graph({"exemplar": exemplar, "search": picture[:, d : d + 88, d : d + 88]}, training=False)["response"].numpy()
        for d in (0, 4)
    )
    apart = np.abs(first[:, 1:, 1:] - second[:, :-1, :-1]).max()
    assert (apart > 1e-4) == is_seen


def sample(near, box, present=1):
    return {"search_box": tf.constant(near, tf.float32), "box_xyxy": tf.constant(box, tf.float32), "present": present}


def test_targets_are_where_the_object_is():
    """Stride 4; a box of side 32 has a window in its own pixels, so a shift by 8 is one by two positions."""
    arch = tiny()
    n = arch.positions
    targets = arch.encode(sample([20, 20, 52, 52], [28, 20, 60, 52]))
    rows, columns = np.nonzero(targets["response"].numpy())
    assert (rows.mean(), columns.mean()) == (n // 2, n // 2 + 2)
    middle = targets["boxes"].numpy()[n // 2, n // 2]
    np.testing.assert_allclose(middle, [2, 0, 0, 0], atol=1e-6)
    grown = arch.encode(sample([20, 20, 52, 52], [4, 20, 68, 52]))["boxes"].numpy()[0, 0]
    np.testing.assert_allclose(grown[2:], [np.log(2), 0], atol=1e-6)
    assert targets["presence"].numpy() == [1.0]
    for absent in (sample([20, 20, 52, 52], [20, 20, 52, 52], 0), sample([20, 20, 52, 52], [400, 20, 432, 52])):
        held = arch.encode(absent)
        assert not held["response"].numpy().any()
        assert held["presence"].numpy() == [0.0]


def test_windows_are_moved_in_training_and_by_their_seed_alone():
    arch = tiny()
    picture = {"image": tf.constant(RNG.integers(0, 256, (60, 80, 3)), tf.uint8)}
    held = sample([20, 20, 40, 40], [20, 20, 40, 40]) | {"exemplar": picture, "search": picture}
    held["exemplar_box"] = held["search_box"]
    near = [arch.example(held | {"seed": tf.constant([1, s])})[0]["search_box"].numpy() for s in (1, 2, 3, 1)]
    np.testing.assert_array_equal(near[0], near[3])
    middles = np.array([(b[:2] + b[2:]) / 2 for b in near[:3]])
    assert (np.abs(middles - 30) <= 20.01).all()
    assert np.ptp(middles, 0).min() > 1


@pytest.mark.parametrize(("score", "there"), [(0.6, 1), (0.5999, 0)])
def test_presence_is_decided_at_its_threshold(score, there):
    arch = tiny(present_from=0.6)
    place = {"near": tf.constant([[1.0, 2, 3, 4]]), "scale_xy": tf.ones([1, 2]), "offset_xy": tf.zeros([1, 2])}
    found = arch.located(tf.constant([[5.0, 6, 7, 8]]), tf.constant([score]), place)
    assert found["present"].numpy() == [there]
    np.testing.assert_array_equal(found["box_xyxy"], [[5, 6, 7, 8] if there else [1, 2, 3, 4]])


@pytest.fixture(scope="module")
def lost_and_found():
    """(arch, its functions); the presence of an object can be set."""
    arch = tiny(patience=1, tiles=(2, 2))
    graph = arch.build()
    head = graph.get_layer("presence")

    def certain(logit):
        head.set_weights([np.zeros_like(head.get_weights()[0]), np.float32([logit])])

    return arch, Served(arch, graph, ("object",)).functions, certain


def test_what_is_lost_is_looked_for_everywhere(lost_and_found):
    """The box stays while nothing is there, and windows go over the tiles; a first glance must be sure."""
    arch, functions, certain = lost_and_found
    frame = tf.constant(RNG.integers(0, 256, (1, 60, 80, 3)), tf.uint8)
    state = functions["remember"]({"image": frame, "box": tf.constant([[30.0, 20, 50, 40]])})
    certain(-4.0)
    for step in range(1, 5):
        answer = functions["follow"]({"image": frame} | {k: state[k] for k in ("first", "memory", "box", "lost")})
        assert not answer["present"].numpy().any()
        np.testing.assert_array_equal(answer["box"], [[30, 20, 50, 40]])
        np.testing.assert_array_equal(answer["memory"], state["memory"])
        assert answer["lost"].numpy() == [[step]]
        state = state | {k: answer[k] for k in ("memory", "box", "lost")}
    certain(1.0)  # a score of 0.73: enough to go on, not to be found again
    again = functions["follow"]({"image": frame} | {k: state[k] for k in ("first", "memory", "box", "lost")})
    assert not again["present"].numpy().any()
    near = state | {"lost": tf.constant([[1.0]])}
    assert functions["follow"]({"image": frame} | {k: near[k] for k in ("first", "memory", "box", "lost")})["present"]
    certain(4.0)
    found = functions["follow"]({"image": frame} | {k: state[k] for k in ("first", "memory", "box", "lost")})
    assert found["present"].numpy() == [1.0]
    assert found["lost"].numpy() == [[0.0]]
    middle = (found["box"].numpy()[0, :2] + found["box"].numpy()[0, 2:]) / 2
    reach = 88 / 64 * float(context_side(state["box"])[0]) / 2  # of a window
    assert np.abs(middle - [20, 45]).max() < reach  # about the third tile
    assert np.abs(found["memory"] - state["memory"]).max() > 0  # surely seen, so remembered


def test_a_box_s_size_changes_by_the_part_that_is_said():
    """In logarithms: of what is seen (1) a tenth, or nothing (0); its middle is where it is seen."""
    arch, size = tiny(), {}
    graph = arch.build()
    graph.get_layer("boxes").set_weights([np.zeros_like(w) for w in graph.get_layer("boxes").get_weights()])
    graph.get_layer("boxes").bias.assign([0.5, -0.5, 0.4, -0.3])
    graph.get_layer("presence").bias.assign([40.0])
    frame = tf.constant(RNG.integers(0, 256, (1, 60, 80, 3)), tf.uint8)
    for rate in (1.0, 0.1, 0.0):
        functions = Served(dataclasses.replace(arch, size_rate=rate), graph, ("object",)).functions
        state = functions["remember"]({"image": frame, "box": tf.constant([[30.0, 20, 54, 36]])})
        x1, y1, x2, y2 = functions["follow"]({"image": frame} | dict(state))["box"].numpy()[0]
        size[rate] = (np.log([(x2 - x1) / 24, (y2 - y1) / 16]), [x1 + x2, y1 + y2])
    assert np.abs(size[1.0][0]).min() > 0.05
    np.testing.assert_allclose(size[0.1][0], 0.1 * size[1.0][0], atol=1e-4)
    np.testing.assert_allclose(size[0.0][0], 0.0, atol=1e-5)
    np.testing.assert_allclose(size[0.1][1], size[1.0][1], atol=1e-3)


def test_only_what_leaves_boxes_in_place_augments():
    arch = tiny()
    for name, is_refused in (("geometric/horizontal_flip", True), ("photometric/brightness", False)):
        phase = Phase(epochs=1, optimizer=create("optimizers/adamw"), augment=(create(f"augmentations/{name}"),))
        if is_refused:
            with pytest.raises(UsageError, match=r"moves what boxes are of.*; allowed: augmentations/photometric/\*"):
                arch.check_phase(phase, 4)
        else:
            arch.check_phase(phase, 4)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"frame_size": (8, 80)}, "model.frame_size"),
        ({"level": "p3"}, "model.level='p3'; allowed: such as c3"),
        ({"tiles": (0, 2)}, "model.tiles"),
        ({"present_from": 1.5}, "model.present_from=1.5; allowed: 0 to 1"),
        ({"trim": 9}, "are left; allowed: multiples of the stride that leave 1 cell and 3 positions"),
        ({"exemplar_px": 50}, "model.exemplar_px=50"),
    ],
)
def test_fields_out_of_their_range_are_one_line(fields, words):
    with pytest.raises(UsageError) as error:
        tiny(**fields)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_level_that_the_backbone_does_not_have_is_said():
    with pytest.raises(UsageError, match=r"model.level='c3'; backbones/convnet has c1, c2"):
        dataclasses.replace(tiny(exemplar_px=96, search_px=160), level="c3").build()


def prepared(arch):
    """Pairs of the contract's case as a file takes them."""
    for sample in samples()[:4]:
        held = {k: sample[k]["image"] if k in ("exemplar", "search") else sample[k] for k in arch.serving_inputs()}
        fitted, _ = arch.geometry({k: tf.constant(v[None]) for k, v in held.items()})
        yield {k: np.asarray(v) for k, v in arch.at_graph_size(fitted).items()}


def test_an_int8_file_cuts_windows_and_decodes_in_float32_in_each_of_its_functions(tmp_path):
    """In 8 bits windows were cut elsewhere: what `remember` gave was wrong by all of its largest number."""
    keras.utils.set_random_seed(0)
    arch = tiny()
    served, pairs = Served(arch, arch.build(), ("object",)), list(prepared(arch))
    (tmp_path / "model.tflite").write_bytes(convert(served, "int8", "mixed", pairs))
    whole = unpacked((tmp_path / "model.tflite").read_bytes())
    for signature in whole.signatureDefs:
        graph = whole.subgraphs[signature.subgraphIndex]
        integers = [name_of(graph, n) for n, tensor in enumerate(graph.tensors) if tensor.type == 9]  # int8
        assert integers and not [name for name in integers if name.startswith("kv_normalize")]
    runner = TFLiteRunner(tmp_path / "model.tflite", arch)
    for held in prepared_feeds(served, pairs):
        for name, function in served.functions.items():
            assert apart(answers(function, held[name]), runner.call(name, held[name])) < 0.25, name


def test_a_run_from_before_sizes_were_slowed_down_answers_as_it_did():
    written = to_json(tiny())
    assert from_json(written).size_rate == 0.1
    del written["size_rate"]
    assert from_json(written).size_rate == 1.0
