"""Every registered architecture through `train`, every export, and back through `load`: equal answers everywhere."""

import csv
import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from kerasvision import api
from kerasvision.core.recipe import Recipe
from kerasvision.edge.independent import NotDescribedError
from kerasvision.serve.client import Client
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Options, Server
from kerasvision.train.run import load_run
from tests import store
from tests.contract import brief, clients
from tests.contract.cases import CERTIFIED, WHOLE_EXPORTS, graded

pytestmark = pytest.mark.group_by("exported")  # one architecture takes minutes

CARRIERS = ("Enter", "Exit", "Merge", "NextIteration", "Switch")  # of tensors into a loop over windows, and out of it


@dataclasses.dataclass(frozen=True)
class Exported:
    """One architecture after `train` and `export`, which the store keeps. paths: spec -> where its artifact stands."""

    case: object
    run: object
    trained: object
    artifacts: dict
    paths: dict

    @functools.cached_property
    def served(self):
        """Of the trained model: traced once for all tests, as are the following."""
        return self.trained.served()

    @functools.cached_property
    def models(self):
        """ "run" or spec -> what `api.load` makes of it."""
        return {spec: api.load(path) for spec, path in {"run": self.run, **self.paths}.items()}

    @functools.cached_property
    def saved(self):
        """The SavedModel as TensorFlow loads it."""
        return tf.saved_model.load(str(self.paths["tf_serving"]))


IN_FULL = [pytest.param(name + brief.IN_FULL, marks=pytest.mark.nightly) for name in brief.BRIEF]
PARAMS = [param for param in graded(WHOLE_EXPORTS) if param.values[0] not in CERTIFIED] + IN_FULL


@pytest.fixture(scope="module", params=PARAMS)
def exported(request):
    return _exported(request.param)


def _exported(name):
    case, recipe = brief.case_of(name), brief.recipe_of(name)
    artifacts, _, out = store.exported(recipe, case.exports, None)
    run = store.trained(recipe)
    places = {
        "tf_serving": out / "saved_models" / recipe.name / "1",
        "tflite:float32": out / "tflite" / "models" / recipe.name / "model.tflite",
        "tflite:int8": out / "tflite" / "models" / recipe.name / "model_int8.tflite",
        "mediapipe:float32": out / "tflite" / "models" / recipe.name / "model_mediapipe.tflite",
        "onnx": out / "onnx" / recipe.name / "model.onnx",
    }
    paths = {spec: places[spec] for spec in case.exports}
    return Exported(case, run, load_run(run), artifacts, paths)


@pytest.mark.group_by("name")
@pytest.mark.parametrize("name", CERTIFIED)
def test_it_learns_and_has_a_float_file(name):
    """The certificate of `export` compares the file with the trained model, and refuses what differs. The same of the
    rest, without a certificate, is in test_contracts.py; with one, and every file, at night above and below.
    """
    exported = _exported(name)
    with (exported.run / "history.csv").open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < losses[0]
    test_every_export_left_its_file_and_its_measurements(exported)
    test_float_exports_stay_within_what_rounding_explains(exported)


def serving(exported, sample):
    """Serving inputs of one sample, with a batch axis."""
    return {k: v[None] for k, v in exported.trained.arch.inputs_of(sample).items()}


def test_every_export_left_its_file_and_its_measurements(exported):
    assert set(exported.artifacts) == set(exported.case.exports)
    assert all(p.exists() for p in exported.paths.values())
    for artifact in exported.artifacts.values():
        assert artifact.agreement["examples"] == len(exported.case.samples())
        assert not [op for op in artifact.ops if op.startswith("Flex")]


def test_float_exports_stay_within_what_rounding_explains(exported):
    for kind in {"tf_serving", "tflite:float32", "mediapipe:float32", "onnx"} & set(exported.artifacts):
        agreement = exported.artifacts[kind].agreement
        assert agreement["max_error"] <= agreement["tolerance"] < 1e-3, kind
        assert not agreement["flips"], kind


def test_int8_is_close_and_not_the_same(exported):
    if "tflite:int8" not in exported.artifacts:
        pytest.skip(f"{exported.trained.arch.registered_name} has no int8 export")
    agreement = exported.artifacts["tflite:int8"].agreement
    assert 0 < agreement["max_error"] < exported.case.int8_error
    tensors = Interpreter(str(exported.paths["tflite:int8"])).get_tensor_details()
    integers = [t["name"] for t in tensors if t["dtype"] == np.int8]
    assert len(integers) >= len(exported.trained.graph.trainable_weights) / 2, "the file was not quantized"


def test_every_artifact_loads_and_answers_as_the_run_does(exported):
    arch = exported.trained.arch
    run = exported.models["run"]
    assert run.arch == arch and run.classes == exported.case.classes
    for spec in exported.paths:
        model = exported.models[spec]
        assert model.arch == arch and model.classes == exported.case.classes
        worst = 0.0
        for sample in exported.case.samples():
            expected, answer = run(serving(exported, sample)), model(serving(exported, sample))
            assert {k: (v.dtype, v.shape) for k, v in answer.items()} == {
                k: (v.dtype, v.shape) for k, v in expected.items()
            }, spec
            judged = {k: v.numpy() for k, v in exported.served.judge(serving(exported, sample)).items()}
            worst = max(worst, arch.compare(judged, answer)[0][0])
        agreement = exported.artifacts[spec].agreement
        assert worst == pytest.approx(agreement["max_error"], abs=1e-6), f"{spec}: the certificate says otherwise"


def test_the_contract_alone_is_enough_to_answer_as_the_file_does(exported):
    """A client without this project's code (`edge.independent`) and each file's own runtime, against `load`."""
    rules, name = exported.trained.arch.preprocessing(), exported.trained.arch.registered_name
    described = rules["kind"] != "other"
    assert described != name.startswith(("toys/", "tracking/")), "only toys and followers may leave it open"
    assert ("frames" in rules) == name.startswith("tracking/"), "a follower's client makes frames"
    for spec, path in exported.paths.items():
        ask, model = clients.asker(path), exported.models[spec]
        for sample in exported.case.samples()[:3]:
            if not described:
                with pytest.raises(NotDescribedError):
                    clients.answer(path, ask, {"image": np.zeros((9, 9, 3), np.uint8)})
                continue
            mine, row = clients.answer(path, ask, sample)
            theirs = {k: v[0] for k, v in model(serving(exported, sample)).items()}
            assert row["kind"].split(":")[0] == spec.split(":")[0]
            clients.check_equal(mine, theirs, row)


def test_a_server_answers_over_both_protocols_as_the_file_does(exported):
    folder, name = exported.paths["tf_serving"].parents[1], exported.paths["tf_serving"].parent.name
    model, inputs = exported.models["tf_serving"], serving(exported, exported.case.samples()[0])
    expected = model(inputs)
    server = Server(configs_below(folder), Options(rest_port=0, grpc_port=0), folder).start()
    try:
        for address in (f"http://127.0.0.1:{server.rest_port}", f"grpc://127.0.0.1:{server.grpc_port}"):
            answer = Client(address, deadline=60.0).predict(name, inputs)
            answer = {key if len(answer) > 1 else next(iter(expected)): value for key, value in answer.items()}
            assert set(answer) == set(expected), address
            for key, value in expected.items():
                np.testing.assert_array_equal(answer[key].astype(value.dtype), value, f"{address} {key}")
    finally:
        server.stop()


def test_the_run_is_what_training_returned(exported):
    with np.load(exported.run.parent / "weights.npz") as returned:
        arrays = [returned[key] for key in returned.files]
    for kept, array in zip(exported.trained.graph.get_weights(), arrays, strict=True):
        np.testing.assert_array_equal(kept, array)
    assert exported.trained.recipe == Recipe.loads((exported.run.parent / "recipe.json").read_text())
    served, run = exported.served, exported.models["run"]
    for sample in exported.case.samples()[:2]:
        expected, answer = served.serve(serving(exported, sample)), run(serving(exported, sample))
        for key in expected:
            np.testing.assert_array_equal(answer[key], expected[key])


def test_geometry_is_the_same_eagerly_in_the_pipeline_and_in_the_saved_model(exported):
    arch = exported.trained.arch
    saved = _geometry_of(exported.saved)
    for sample in exported.case.samples():
        inputs = serving(exported, sample)
        prepared, geometry = arch.geometry({k: tf.constant(v) for k, v in inputs.items()})
        data = tf.data.Dataset.from_tensors(tf.nest.map_structure(tf.constant, sample))
        piped = next(iter(data.map(lambda s: arch.prepare_sample(s)[:2])))
        assert set(piped[0]) == set(prepared) and set(piped[1]) == set(geometry)
        inside = [*saved(inputs), *inputs.values()]  # an input that needs no operation goes in as it came
        for key, value in prepared.items():
            np.testing.assert_array_equal(piped[0][key][None], value)
            assert any(np.array_equal(value, i) for i in inside), f"{key} differs inside the SavedModel"
        for key, value in geometry.items():
            np.testing.assert_array_equal(piped[1][key][None], value)


def _geometry_of(saved):
    """A function from serving inputs to all that leaves the scope of geometry inside a loaded SavedModel."""
    # inlines the functions and keeps the scopes in the names
    frozen = convert_variables_to_constants_v2(saved.signatures["serving_default"], lower_control_flow=False)
    fetches = {}
    for op in frozen.graph.get_operations():
        for tensor in op.inputs:
            leaves = "kv_geometry" not in op.name or op.type in CARRIERS
            if "kv_geometry" in tensor.op.name and tensor.op.type not in CARRIERS and leaves:
                fetches[tensor.name] = tensor
    given = [i for i in frozen.inputs if i.dtype != tf.resource]
    pruned = frozen.prune(given, list(fetches.values()))
    keys = [i.name.split(":")[0].split("/")[0] for i in given]
    return lambda inputs: [t.numpy() for t in pruned(*(tf.constant(inputs[k]) for k in keys))]


def test_encoded_images_are_answered_like_their_pixels(exported, photographs):
    """The bytes signature, on whole photographs of three sizes at once, against decoded pixels one by one."""
    if not exported.served.takes_image:
        pytest.skip("does not take one image")
    saved = exported.saved
    images = [photographs[name] for name in ("chelsea", "coffee", "astronaut")]
    encoded = tf.constant([tf.io.encode_png(image).numpy() for image in images])
    together = saved.signatures["serving_bytes"](image_bytes=encoded)
    for number, image in enumerate(images):
        alone = saved.signatures["serving_default"](image=tf.constant(image[None]))
        for key, value in alone.items():  # what is as large as its image is padded to the largest one
            one = together[key][number].numpy()[tuple(map(slice, value.shape[1:]))]
            np.testing.assert_allclose(one, value[0], rtol=1e-5, atol=1e-5)


def test_one_whole_photograph_has_one_answer_everywhere(exported, photographs):
    arch = exported.trained.arch
    if not exported.served.takes_image:
        pytest.skip("does not take one image")
    inputs = {"image": photographs["chelsea"][None]}
    expected = {k: v.numpy() for k, v in exported.served.serve(inputs).items()}
    for spec in {"tf_serving", "tflite:float32", "onnx"} & set(exported.paths):
        answer = exported.models[spec](inputs)
        error, flip = arch.compare(expected, answer)
        assert error[0] <= exported.artifacts[spec].agreement["tolerance"], spec
        assert not flip[0], spec
