"""KServe's verb `:explain`, as its V1 protocol has it, against the explainers."""

import json

import numpy as np
import pytest

from kerasvision.core.registry import create
from kerasvision.explain.base import explainable
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Server
from kerasvision.tasks._class_targets import ClassTarget
from tests import store
from tests.export.test_heat import SPECS
from tests.serve.conftest import QUIET, Client

ASK = "/v1/models/digits:explain"


@pytest.fixture(scope="module")
def explaining(digits_recipe):
    folder = store.exported(digits_recipe, SPECS, 40)[2] / "saved_models"
    running = Server(configs_below(folder), QUIET, folder).start()
    yield Client(running.rest_port)
    running.stop()


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)


def test_explanations_stand_beside_predictions(explaining, image, digits_run):
    rows = {"instances": [{"image": image.tolist()}, {"image": image[::-1].tolist()}]}
    status, answer = explaining.ask("POST", ASK, json.dumps(rows))
    assert status == 200 and list(answer) == ["predictions", "explanations"]
    assert answer["predictions"] == explaining.predict("digits", rows)[1]["predictions"]
    model = explainable(digits_run)
    for seen, scores, found in zip((image, image[::-1]), *answer.values(), strict=True):
        assert found["label"] == int(np.argmax(scores))
        wanted = create("explainers/grad_cam").explain(model, seen, ClassTarget(model.arch, found["label"]))
        np.testing.assert_allclose(found["grad_cam"], wanted, atol=1e-4)
        assert np.shape(found["integrated_gradients"]) == (8, 8)


def test_a_class_can_be_chosen_in_rows_and_columns(explaining, image):
    chosen = {"instances": [{"image": image.tolist(), "label": 3}]}
    by_row = explaining.ask("POST", ASK, json.dumps(chosen))[1]["explanations"][0]
    columns = {"inputs": {"image": [image.tolist()], "label": [3]}}
    by_column = explaining.ask("POST", "/v1/models/digits/versions/1:explain", json.dumps(columns))[1]
    assert by_row["label"] == 3 and by_column["explanations"]["grad_cam"] == [by_row["grad_cam"]]
    plain = explaining.ask("POST", ASK, json.dumps({"instances": [image.tolist()]}))[1]
    assert len(plain["explanations"]) == 1 and "outputs" in by_column


def test_what_cannot_be_explained_is_said(explaining, client, image):
    wrong = {"instances": [{"image": image.tolist(), "label": 10}]}
    status, answer = explaining.ask("POST", ASK, json.dumps(wrong))
    assert status == 400 and "label: allowed: a class, 0 to 9, or -1 for the likeliest" in answer["error"]
    status, answer = client.ask("POST", "/v1/models/mixed:explain", json.dumps({"instances": [1]}))
    assert status == 400 and "it has no signature explain; export its run to" in answer["error"]
    assert explaining.ask("POST", ASK, "{}")[0] == 400
