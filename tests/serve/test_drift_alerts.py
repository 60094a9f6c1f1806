"""Drift as an operator sees it: a real model behind a real server, one request at a time, and the page of alerts."""

import json
import urllib.request

import numpy as np
import pytest
from PIL import Image, ImageFilter
from sklearn.datasets import load_digits

from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.data.pipeline import raw_examples, with_validation
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from kerasvision.serve import drift
from kerasvision.serve.client import Client
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Server
from kerasvision.train.fit import train
from tests.serve.conftest import QUIET

pytestmark = pytest.mark.slow

KNOWN = 7  # of the ten digits


def pictures():
    """(uint8 [N, 16, 16, 3], labels): digits, large enough to be blurred."""
    digits = load_digits()
    small = np.uint8(digits.images * 255 / 16)
    return np.repeat(np.kron(small, np.ones((1, 2, 2), np.uint8))[..., None], 3, -1), digits.target


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """(folder of a model of the digits 0 to 6, pictures it was not trained on, pictures of 7 to 9)."""
    out = tmp_path_factory.mktemp("drift")
    images, labels = pictures()
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        if label < KNOWN:
            (out / "data" / str(label)).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(out / "data" / str(label) / f"{number}.png")
    recipe = Recipe(
        name="digits",
        model=create(
            "classification/classifier",
            image_size=(16, 16),
            backbone=create("backbones/convnet", width=8, blocks=(1, 1)),
        ),
        data=create("sources/image_folder", path=str(out / "data"), validation_fraction=0.3, test_fraction=0.3),
        optimizer=create("optimizers/adamw", learning_rate=1e-2),
        epochs=10,
        batch_size=32,
    )
    trained = train(recipe, out / "run")
    export(trained, [from_spec("tf_serving")], out, verbose=False)
    splits = with_validation(recipe.data.open(), recipe.validation_fraction)
    unseen = [i["image"] for n in ("validation", "test") for i, _, _ in raw_examples(splits[n], recipe.model)]
    return out / "saved_models", np.concatenate(unseen), images[labels >= KNOWN]


@pytest.fixture
def server(model):
    running = Server(configs_below(model[0]), QUIET, model[0]).start()
    yield running
    running.stop()


def alerts(server):
    """Statistics that have shifted, as /drift says it; /metrics must say the same."""
    address = f"http://127.0.0.1:{server.rest_port}"
    report = json.load(urllib.request.urlopen(f"{address}/drift"))["digits/1"]
    text = urllib.request.urlopen(f"{address}/metrics").read().decode()
    shifted = {name for name, row in report.items() if row["shifted"]}
    assert all(f'kerasvision_drift_shifted{{model="digits",statistic="{n}",version="1"}} 1.0' in text for n in shifted)
    return shifted


def told(server, images):
    """The alerts after each 100 requests of one picture each."""
    with Client(f"grpc://127.0.0.1:{server.grpc_port}") as client:
        for start in range(0, len(images), 100):
            for image in images[start : start + 100]:
                client.predict("digits", {"image": image[None]})
            yield alerts(server)


def drawn(images, count, seed):
    return images[np.random.default_rng(seed).integers(0, len(images), count)]


def test_five_thousand_usual_requests_raise_no_alert(server, model):
    assert set().union(*told(server, drawn(model[1], 5000, 0))) == set()


def brighter(images):
    return np.uint8(np.clip(images * 0.7 + 77, 0, 255))


def blurred(images):
    return np.stack([np.asarray(Image.fromarray(i).filter(ImageFilter.GaussianBlur(1.5))) for i in images])


@pytest.mark.parametrize("kind", ["brightness", "sharpness", "new classes"])
def test_a_planted_shift_raises_the_alert_within_500_requests(server, model, kind):
    _, usual, foreign = model
    assert set().union(*told(server, drawn(usual, 500, 1))) == set()
    after = {"brightness": lambda: brighter(usual), "sharpness": lambda: blurred(usual), "new classes": lambda: foreign}
    raised = list(told(server, drawn(after[kind](), 500, 2)))
    assert raised[-1] & ({"confidence", "class"} if kind == "new classes" else {kind})


def test_features_tell_new_classes_where_there_is_time_to_look_at_them(model, monkeypatch):
    monkeypatch.setattr(drift, "BURST", 60.0)
    _, usual, foreign = model
    running = Server(configs_below(model[0]), QUIET, model[0]).start()
    try:
        assert set().union(*told(running, drawn(usual, 500, 3))) == set()
        assert "embedding" in list(told(running, drawn(foreign, 500, 4)))[-1]
    finally:
        running.stop()
