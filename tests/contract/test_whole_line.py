"""Architectures that take text, several images and a state, from data to every file, by nothing but the contracts."""

import dataclasses
import io
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import architectures, create, systems
from kerasvision.export import functions as further
from kerasvision.export.certificate import export
from kerasvision.export.goldens import read_goldens
from kerasvision.serve.servable import Servable
from kerasvision.serve.status import ServingError
from kerasvision.systems.base import Session, System, load_system, save_system
from tests.contract import contracts
from tests.contract.cases import CASES, CaseSamples, pair_samples
from tests.contract.further_toys import TOYS, WORDS
from tests.undrawn import train


@pytest.fixture(scope="module", autouse=True)
def registered():
    for name, (arch, case) in TOYS.items():
        architectures.register(name)(arch)
        CASES[name] = case
    yield
    for name in TOYS:
        del architectures._parts[name], CASES[name]


def trained(name, folder):
    recipe = contracts.recipe_of(name, CASES[name].make(), epochs=2)
    return train(dataclasses.replace(recipe, data=CaseSamples(name, copies=3, validation=True), batch_size=4), folder)


@pytest.fixture(scope="module")
def follower(tmp_path_factory, registered):
    """(run, folder of its exports, contract)."""
    folder = tmp_path_factory.mktemp("follower")
    run = trained("toys/follower", folder / "run")
    loose = dataclasses.replace(run.recipe, budget=dataclasses.replace(run.recipe.budget, accuracy_drop=1.0))
    run = dataclasses.replace(run, recipe=loose)
    specs = [create("exporters/tf_serving"), create("exporters/tflite"), create("exporters/tflite", quantize="int8")]
    _, contract = export(run, [*specs, create("exporters/onnx")], folder, verbose=False)
    return run, folder, contract


@pytest.fixture(scope="module")
def words(tmp_path_factory, registered):
    folder = tmp_path_factory.mktemp("words")
    run = trained("toys/words", folder / "run")
    _, contract = export(run, [create("exporters/tf_serving"), create("exporters/onnx")], folder, verbose=False)
    return run, folder, contract


def files(folder):
    return {
        "tf_serving": folder / "saved_models" / "toys_follower" / "1",
        "tflite:float32": folder / "tflite" / "models" / "toys_follower" / "model.tflite",
        "tflite:int8": folder / "tflite" / "models" / "toys_follower" / "model_int8.tflite",
        "onnx": folder / "onnx" / "toys_follower" / "model.onnx",
    }


def by_hand(graph, sample):
    """What `follow` must say, in numpy: two convolutions by scipy would be the graph's; so its own layers, eagerly."""
    inputs = {k: tf.constant(v, tf.float32) / 127.5 - 1.0 for k, v in sample.items()}
    return tf.nn.softmax(graph(inputs)["logits"]).numpy()[:, 1]


def test_every_file_remembers_and_follows_as_the_trained_graph_does(follower):
    run, folder, _ = follower
    rng = np.random.default_rng(0)
    sample = {k: rng.integers(0, 256, (1, 16, 16, 3), np.uint8) for k in ("image_0", "image_1")}
    likeness = by_hand(run.graph, sample)
    for spec, path in files(folder).items():
        model, count = api.load(path), np.zeros((1, 1), np.float32)
        memory = model.call("remember", {"image_0": sample["image_0"]})["memory"]
        for step in range(3):
            answer = model.call("follow", {"image_1": sample["image_1"], "memory": memory, "count": count})
            count = answer["count"]
            assert count.ravel()[0] == pytest.approx(step + 1, abs=0 if "int8" not in spec else 0.1)
        most = 1e-5 if "int8" not in spec else 0.1
        np.testing.assert_allclose(answer["likeness"], likeness, atol=most, err_msg=spec)


def test_the_contract_says_what_functions_take_and_how_they_agree(follower):
    _, _, contract = follower
    rows = {row["kind"]: row["functions"] for row in contract["artifacts"]}
    for spec, held in rows.items():
        assert list(held) == ["remember", "follow"], spec
        assert set(held["follow"]["inputs"]) == {"image_1", "memory", "count"}
        count = "count_next" if spec == "onnx" else "count"  # names of an ONNX graph differ
        assert set(held["follow"]["outputs"]) == {"likeness", count} and held["follow"]["latency_ms"] > 0
        is_bound = held["follow"]["tolerance"] is not None
        assert is_bound == ("int8" not in spec)
        assert not is_bound or held["follow"]["max_error"] <= held["follow"]["tolerance"] < 1e-3
    assert rows["onnx"]["remember"]["path"] == "model.remember.onnx"


def test_a_function_that_answers_otherwise_is_refused(follower, monkeypatch):
    run, folder, _ = follower
    path = files(folder)["onnx"]
    served, exporter = run.served(), create("exporters/onnx")
    samples = [{k: v[None] for k, v in run.arch.inputs_of(s).items()} for s in pair_samples()[:2]]
    judge, runner = further.FunctionJudge(served, samples), exporter.open(path, run.arch)
    assert judge.measured(exporter, path, runner)[1] == ()
    plain = runner.call
    # as far as float32 rounds, and ten times what it explains
    for factor, refused in ((1 + judge.tolerance("follow", "float32") / 2, False), (1.001, True)):
        monkeypatch.setattr(runner, "call", lambda *of, f=factor: {k: v * np.float32(f) for k, v in plain(*of).items()})
        assert any("answers follow otherwise" in line for line in judge.measured(exporter, path, runner)[1]) == refused
    monkeypatch.setattr(runner, "call", plain)
    monkeypatch.setattr(type(exporter), "functions", lambda *of: {})
    assert judge.measured(exporter, path, runner)[1] == ("has no function remember", "has no function follow")


@dataclasses.dataclass(frozen=True)
class Following(System):
    """Remembers the first picture of a sequence and says how like it each of them is."""

    models = ("follower",)

    def start(self):
        return {}

    def step(self, models, state, inputs):
        call = models["follower"].call
        if not state:
            memory = call("remember", {"image_0": inputs["picture"]})["memory"]
            state = {"memory": memory, "count": np.zeros((1, 1), np.float32)}
        answer = call("follow", {"image_1": inputs["picture"]} | state)
        return state | {"count": answer["count"]}, {k: answer[k] for k in ("likeness", "count")}


def test_a_system_answers_step_by_step_from_runs_and_files_and_is_saved(follower, tmp_path):
    run, folder, _ = follower
    rng = np.random.default_rng(1)
    sequence = [rng.integers(0, 256, (1, 16, 16, 3), np.uint8) for _ in range(3)]
    expected = [by_hand(run.graph, {"image_0": sequence[0], "image_1": picture}) for picture in sequence]
    systems.register("following")(Following)
    try:
        for name, path in {"run": run.folder, "tflite": files(folder)["tflite:float32"]}.items():
            save_system(Following(), {"follower": path}, tmp_path / name)
            session = load_system(tmp_path / name, api.load)
            for _ in range(2):  # once more from the beginning
                answers = [session.step({"picture": picture}) for picture in sequence]
                np.testing.assert_allclose([a["likeness"] for a in answers], expected, atol=1e-5)
                assert [a["count"].item() for a in answers] == [1, 2, 3]
                session.restart()
        with pytest.raises(KerasVisionError, match="is not empty; choose another folder"):
            save_system(Following(), {"follower": run.folder}, tmp_path / "run")
        with pytest.raises(UsageError, match="systems/following is made of follower; seen: none"):
            Session(Following(), {})
        with pytest.raises(UsageError, match=r"has no system\.json"):
            load_system(run.folder, api.load)
    finally:
        del systems._parts["following"]


@pytest.mark.parametrize("name", list(TOYS))
def test_runs_are_evaluated_and_files_served(name, follower, words, capsys):
    run, folder, _ = {"toys/follower": follower, "toys/words": words}[name]
    assert main(["evaluate", str(run.folder)]) == 0 and "accuracy" in capsys.readouterr().out
    servable = Servable(name.replace("/", "_"), 1, folder / "saved_models" / name.replace("/", "_") / "1")
    sample = run.arch.inputs_of(CASES[name].samples()[0])
    one = {k: v[None] for k, v in sample.items()}
    expected = {k: v.numpy() for k, v in run.served().serve({k: tf.constant(v) for k, v in one.items()}).items()}
    np.testing.assert_allclose(servable.predict(one)["probabilities"], expected["probabilities"], atol=1e-6)
    if name == "toys/follower":
        encoded = {f"{k}_bytes": np.array([png(v)], object) for k, v in sample.items()}
        given = servable.predict(encoded, "serving_bytes")
        np.testing.assert_allclose(given["probabilities"], expected["probabilities"], atol=1e-6)
        with pytest.raises(ServingError, match="an image cannot be decoded"):
            servable.predict(encoded | {"image_1_bytes": np.array([b"no picture"], object)}, "serving_bytes")


def png(pixels):
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return held.getvalue()


def test_a_function_that_is_none_is_one_line(follower):
    run, folder, _ = follower
    with pytest.raises(KerasVisionError, match="has no function fly; it only predicts"):
        api.load(run.folder).call("fly", {})
    with pytest.raises(KerasVisionError, match=r"model\.fly\.onnx is not there"):
        api.load(files(folder)["onnx"]).call("fly", {})


def test_words_are_looked_up_in_the_graph_and_in_its_file(words, capsys):
    """By hand: a text and its upper case are one; the asset holds the vocabulary; a word's number is its place."""
    run, folder, contract = words
    ids = run.arch.geometry({"text": tf.constant(["Der Ton ist better", ""])})[0]["ids"].numpy()
    np.testing.assert_array_equal(ids[0, :5], [0, 6, 2, 4, 7])
    assert (ids[1] == 7).all()
    saved = folder / "saved_models" / "toys_words" / "1"
    assert (saved / "assets" / "vocabulary.txt").read_text().split() == list(WORDS)
    assert contract["resources"] == {"vocabulary": {"path": "assets/vocabulary.txt", "words": 6, "unknown": 6}}
    assert contract["inputs"]["text"]["kind"] == "text"
    expected = run.served().serve({"text": tf.constant(["Der Ton macht die Musik."])})["probabilities"].numpy()
    signature = tf.saved_model.load(str(saved)).signatures["serving_default"]
    np.testing.assert_allclose(signature(text=tf.constant(["DER Ton macht die musik."]))["probabilities"], expected)
    assert main(["predict", str(saved), "Der Ton macht die Musik.", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)["prediction"]["probabilities"]
    np.testing.assert_allclose(row, expected[0], atol=1e-6)


def test_a_vocabulary_that_was_changed_is_told(words):
    run, folder, _ = words
    from kerasvision.export.targets.saved_model import check_signatures

    saved = folder / "saved_models" / "toys_words" / "1"

    class Judged:
        arch = run.arch
        samples = tuple(inputs for inputs, _ in read_goldens(saved))

        def names(self, path):
            return ()

        def predictions(self, text, number, found):
            return ()

    asset = saved / "assets" / "vocabulary.txt"
    assert list(check_signatures(saved, {}, Judged())) == []
    held = asset.read_text()
    asset.write_text(held.replace("der\ndie", "die\nder"))
    try:
        assert list(check_signatures(saved, {}, Judged())) == [
            "has other words in assets/vocabulary.txt than the trained model"
        ]
    finally:
        asset.write_text(held)
