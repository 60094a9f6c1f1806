"""An embedder in the tracker of a detector's file: two objects turn around while they are hidden, and who is who."""

import base64
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from kerasvision.export.loops import followed, in_loop, likeness, shown
from kerasvision.export.targets._tflite_runner import TFLiteRunner
from kerasvision.export.targets.tflite import convert
from kerasvision.systems.looked import Colors, fingerprint
from kerasvision.systems.slots import identity_of, same_identity, state_of
from kerasvision.train.appearance import with_appearance
from kerasvision.train.run import Trained, save_run
from tests.contract import contracts
from tests.contract.cases import CaseSamples
from tests.export import squares
from tests.export.squares import CASE, NAME, SIDE, film
from tests.export.test_step_looks import sides, turning

INT8 = "tflite:int8"
PATHS = {
    "tflite": "tflite/models/toys_squares/model.tflite",
    INT8: "tflite/models/toys_squares/model_int8.tflite",
    "onnx": "onnx/toys_squares/model.onnx",
    "tf_serving": "saved_models/toys_squares/1",
}


def embedder(folder):
    """A run of `embedding/pretrained` whose backbone is drawn and whose directions are those of squares of three
    colors: two numbers, by which the three are told apart.
    """
    backbone = create("backbones/convnet", width=4, blocks=(1, 1))
    arch = create("embedding/pretrained", dimension=2, backbone=backbone, image_size=(8, 12), resize="letterbox")
    graph, pictures = contracts.built(arch), np.zeros((3, SIDE, SIDE, 3), np.uint8)
    pictures[:, :, :] = np.array([(250, 0, 0), (250, 0, 250), (0, 250, 0)])[:, None, None]
    arch.fill(graph, [(arch.geometry({"image": tf.constant(pictures)})[0], None)])
    folder.mkdir()
    recipe = Recipe(name="looks", model=arch, data=CaseSamples("embedding/pretrained"))
    save_run(Trained(recipe, graph, tuple("abcd"), {}, folder))
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A detector that needs no training, its files with the embedder inside; where it stands; where that stands."""
    folder = tmp_path_factory.mktemp("looks")
    with squares.registered():
        arch = CASE.make()
        recipe = dataclasses.replace(contracts.recipe_of(NAME, arch), data=CaseSamples(NAME, copies=2, validation=True))
        (folder / "run").mkdir()
        trained = Trained(recipe, arch.build(), CASE.classes, {}, folder / "run")
        save_run(trained)
        looks = embedder(folder / "looks")
        yield with_appearance(trained, looks, fingerprint), folder / "run", looks


@pytest.fixture(scope="module")
def made(run, tmp_path_factory):
    """spec -> (path, its row of the contract, the contract); each is written where it is first asked for."""
    folder, held = tmp_path_factory.mktemp("files"), {}

    def of(spec):
        if spec not in held:
            _, contract = export(run[0], [from_spec(spec)], folder, verbose=False)
            held[spec] = folder / PATHS[spec], contract["artifacts"][0], contract
        return held[spec]

    return of


def ids_of(trained, frames):
    """([{id: box}] by the Python tracker over what the model finds and the embedder says, the same without looks)."""
    served, slots = trained.served(), trained.arch.slots
    find, embed = served.fixed(batch=1), tf.function(served.embedder.embed, autograph=False)
    found = [{k: v.numpy() for k, v in find({"image": tf.constant(f)}).items()} for f in frames]
    plain = dataclasses.replace(slots, looks="", look_size=0)
    return followed(slots, found, frames, embed), followed(plain, found)


def given_by(model, frames):
    """model: whatever has an architecture and calls functions, such as a loaded file or what runs it."""
    specs = {k: tf.TensorSpec(v.shape, tf.float32) for k, v in state_of(model.arch.slots).items()}
    assert specs["look"].shape == (1, 8, 2)
    return [shown(a) for a in in_loop(lambda of: model.call("step", of), specs, frames)]


@pytest.fixture(scope="module")
def turned(run):
    return ids_of(run[0], turning())


@pytest.fixture
def runner(request, run, made, tmp_path):
    """What runs a file: of the spec "bytes" a .tflite as it is converted, without a certificate."""
    if request.param != "bytes":
        return api.load(made(request.param)[0])
    (tmp_path / "model.tflite").write_bytes(convert(run[0].served(), "float32", "mixed", ()))
    return TFLiteRunner(tmp_path / "model.tflite", run[0].arch)


@pytest.mark.parametrize(
    "runner", ["bytes", *(pytest.param(spec, marks=pytest.mark.nightly) for spec in PATHS)], indirect=True
)
def test_who_turned_around_is_known_by_the_embedder_in_the_file(runner, turned, request):
    expected, plain = turned
    assert sides(expected[10]) == sides(expected[40]) == sides(plain[10]) == [1, 2]
    assert sides(plain[40]) != [1, 2]  # without looks they are taken for one another, or for others
    given = given_by(runner, turning())
    assert sides(given[10]) == sides(given[40]) == [1, 2]
    same, iou = likeness(expected, given)
    is_integer = INT8 in request.node.name
    assert is_integer or (same == 1.0 and iou >= 0.99)  # integers may find otherwise; the embedder stays float


def test_a_state_goes_on_with_the_same_embedder_alone(run):
    """Which stands in the slots, and so in the contract; a file that does not say is told by its shapes."""
    arch, own = run[0].arch, fingerprint(api.load(run[2]))
    near = np.frombuffer(base64.b64decode(own), "<f2") * np.float16(0.98)  # as another machine may round
    other = [fingerprint(Colors()), base64.b64encode((-near).tobytes()).decode(), ""]
    given = [{"look_model": text} for text in (base64.b64encode(near.tobytes()).decode(), *other)]
    given += [{"count": arch.slots.count + 1}, {"look_model": "", "count": arch.slots.count + 1}]
    held = [dataclasses.replace(arch, slots=dataclasses.replace(arch.slots, **fields)) for fields in given]
    texts = [identity_of(one) for one in held]
    assert [same_identity(identity_of(arch), text) for text in texts] == [True] + [False] * 5
    assert [same_identity(texts[3], text) for text in texts] == [False] * 3 + [True] + [False] * 2
    assert same_identity(own, own) and not same_identity(own, other[1]), "of an embedder beside its tracker"


@pytest.mark.nightly
@pytest.mark.parametrize("spec", PATHS)
def test_the_contract_has_what_was_compared_and_builtin_operators_alone(made, spec):
    _, row, contract = made(spec)
    step = row["functions"]["step"]
    assert step["inputs"]["look"]["shape"][1:] == [8, 2] and not row["select_ops"]
    assert step["closed_loop"]["objects"] > 0
    assert spec == INT8 or step["closed_loop"]["same_ids"] == 1.0
    slots = contract["recipe"]["model"]["slots"]
    assert slots["looks"] == "embedding" and slots["look_size"] == 2


def test_the_embedder_in_the_file_says_what_its_run_says_of_the_same_pixels(run):
    """Of boxes of whole pixels: the run rounds what it resizes, to half a pixel of 255."""
    trained, _, looks = run
    image = turning()[10]
    boxes = np.float32([[[20, 20, 36, 36], [60, 20, 76, 36]]])
    found = trained.served().embedder.embed(tf.constant(image), tf.constant(boxes)).numpy()[0]
    model = api.load(looks)
    for (x1, y1, x2, y2), vector in zip(boxes[0].astype(int), found, strict=True):
        own = model.predict(image[0, y1:y2, x1:x2])["embedding"]
        assert vector @ own > 0.999
    assert found[0] @ found[1] < 0.4  # red and magenta


@pytest.mark.nightly
@pytest.mark.parametrize("spec", [spec for spec in PATHS if spec != INT8])
def test_ids_are_the_python_tracker_s_in_300_frames(run, made, spec):
    frames = [frame[None] for frame in film(0, 300)]
    expected, _ = ids_of(run[0], frames)
    assert len({i for frame in expected for i in frame}) > 5
    same, iou = likeness(expected, given_by(api.load(made(spec)[0]), frames))
    assert same == 1.0 and iou >= 0.99


def test_what_cannot_be_put_into_a_file_is_one_line(run, tmp_path, capsys):
    _, folder, looks = run
    words = ["export", str(folder), "--to", "tflite", "--out", str(tmp_path)]
    assert main([*words, "--set", "model.slots.count=0", "--appearance", str(looks)]) == 2
    assert "has no tracker inside: add --set model.slots.count=32" in capsys.readouterr().err
    assert main([*words, "--appearance", str(folder)]) == 2
    assert "gives no embedding; --appearance takes embedding/* of a picture alone" in capsys.readouterr().err
    assert main([*words, "--set", "model.slots.looks=embedding"]) == 2
    assert "come of kerasvision export RUN --appearance RUN" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    trained = api.load_run(folder)
    assert with_appearance(trained, "colors", fingerprint).arch.slots.looks == "colors"
    with pytest.raises(UsageError, match="a run of embedding/\\* is put into files alone"):
        dataclasses.replace(with_appearance(trained, looks, fingerprint), embedder=None).served()
    with pytest.raises(UsageError, match="embedding/pretrained finds no boxes"):
        with_appearance(api.load_run(looks), looks, fingerprint)
