"""The page at /: what it asks the server for, and the page itself in a real browser."""

import base64
import http.client
import io
import json
import pathlib
import shutil

import pytest
from PIL import Image

from kerasvision.api import load
from kerasvision.serve.models import configs_below
from kerasvision.serve.page import POLICY, html
from kerasvision.serve.server import Options, Server
from tests import store
from tests.contract import contracts
from tests.contract.cases import CASES, CaseSamples
from tests.serve.conftest import QUIET, Client, png, save_affine

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
ARTIFACTS = pathlib.Path(__file__).parents[1] / "artifacts"
DETECTOR = "detection/retinanet"
MODEL = "detection_retinanet"  # as its recipe is called


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """(a server of a tiny detector and of a model without a contract, an image it was trained on, the export)."""
    from kerasvision.core.registry import sources

    sources.register("contract_case")(CaseSamples)
    try:
        case, folder = CASES[DETECTOR], tmp_path_factory.mktemp("detector") / "saved_models"
        recipe = contracts.recipe_of(DETECTOR, case.make(), epochs=case.epochs, copies=15)
        kept = store.exported(recipe, case.exports, None)[2]  # of tests/contract/test_exports.py
        shutil.copytree(kept / "saved_models" / recipe.name, folder / MODEL)
        save_affine(folder / "plain" / "1", 0.5, 2.0)
        server = Server(configs_below(folder), QUIET, folder).start()
        yield server, case.samples()[0]["image"], folder / MODEL / "1"
        server.stop()
    finally:
        sources._parts.pop("contract_case")


def test_a_picture_is_answered_as_predict_answers_and_drawn(detector):
    server, image, path = detector
    status, answer = Client(server.rest_port).ask("POST", f"/draw/{MODEL}", png(image))
    expected = load(path).predict(image).to_json()
    assert status == 200 and answer["answer"] == json.loads(json.dumps(expected))
    assert answer["words"].startswith(expected["objects"][0]["label"])
    picture = Image.open(io.BytesIO(base64.b64decode(answer["picture"])))
    assert picture.format == "PNG" and min(picture.size) > 64


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        (f"/draw/{MODEL}", b"no picture", 400, "no JPEG, PNG"),
        ("/draw/no", b"", 404, "Servable not found for request: Latest(no)"),
        ("/draw/plain", b"", 400, "no contract of this version to be drawn by"),
        (f"/draw/{MODEL}?version=9", b"", 404, f"Servable not found for request: Specific({MODEL}, 9)"),
        (f"/draw/{MODEL}?version=a", b"", 400, "Failed to convert version: a to numeric."),
    ],
)
def test_what_cannot_be_drawn_is_said(detector, path, body, status, message):
    answered, answer = Client(detector[0].rest_port).ask("POST", path, body)
    assert answered == status and message in answer["error"]


def test_the_overview_counts(detector):
    client = Client(detector[0].rest_port)
    before = {m["name"]: m for m in client.ask("GET", "/overview")[1]["models"]}["plain"]["versions"][0]
    client.predict("plain", {"instances": [1.0]})
    client.predict("plain", {"instances": ["a"]})
    rows = {m["name"]: m for m in client.ask("GET", "/overview")[1]["models"]}
    assert set(rows) == {"plain", MODEL}
    (row,) = rows["plain"]["versions"]
    assert (row["version"], row["state"], row["error"], row["labels"]) == (1, "AVAILABLE", "", [])
    assert (row["requests"] - before["requests"], row["errors"] - before["errors"]) == (2, 1)
    assert 0 < row["p50_ms"] <= row["p99_ms"] and row["per_second"] > 0


def test_the_page_loads_nothing_from_elsewhere(detector):
    connection = http.client.HTTPConnection("127.0.0.1", detector[0].rest_port)
    connection.request("GET", "/")
    response = connection.getresponse()
    text = response.read().decode()
    assert response.status == 200 and "default-src 'none'" in response.headers["content-security-policy"]
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "") and "https://" not in text


@pytest.fixture
def page():
    if not BROWSER:
        pytest.skip("no chromium on PATH")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        opened.errors = []
        opened.on("pageerror", lambda error: opened.errors.append(str(error)))
        opened.on("console", lambda said: opened.errors.append(said.text) if said.type == "error" else None)
        yield opened
        browser.close()


def drop(page, name, content, place="#drop"):
    """A file dropped from the desktop onto the page."""
    transfer = page.evaluate_handle(
        """([name, content]) => {
            const bytes = Uint8Array.from(atob(content), c => c.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, {type: "image/png"}));
            return transfer;
        }""",
        [name, base64.b64encode(content).decode()],
    )
    page.dispatch_event(place, "drop", {"dataTransfer": transfer})


@pytest.mark.slow
def test_a_photo_dropped_onto_the_page_comes_back_with_boxes(detector, page):
    server, image, path = detector
    page.goto(f"http://127.0.0.1:{server.rest_port}/")
    page.wait_for_selector("#models .card >> nth=1")
    assert page.text_content("#state") == "2 models, 0 examples waiting"
    page.select_option("#model", MODEL)
    drop(page, "photo.png", png(image))
    page.wait_for_selector("#picture:visible")
    label = load(path).predict(image).to_json()["objects"][0]["label"]
    assert page.text_content("#words").startswith(label)
    drawn = Client(server.rest_port).ask("POST", f"/draw/{MODEL}", png(image))[1]["picture"]
    assert page.get_attribute("#picture", "src") == f"data:image/png;base64,{drawn}"
    assert page.evaluate("document.getElementById('picture').naturalWidth") > 64
    page.wait_for_selector('#models polyline[points*=","]', state="attached")  # latency is drawn
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / "page.png", full_page=True)
    drop(page, "text.png", b"no picture")
    page.wait_for_selector("#words.bad")
    assert "no picture that can be decoded" in page.text_content("#words")
    assert [e for e in page.errors if "400" not in e] == []


@pytest.mark.slow
def test_a_page_of_a_guarded_server_asks_for_the_token(tmp_path, page):
    save_affine(tmp_path / "plain" / "1", 0.5, 2.0)
    options = Options(rest_port=0, grpc_port=0, token="secret")
    server = Server(configs_below(tmp_path), options, tmp_path).start()
    try:
        page.goto(f"http://127.0.0.1:{server.rest_port}/")
        page.wait_for_selector("#token:visible")
        assert "bearer token" in page.text_content("#state")
        page.fill("#token", "secret")
        page.wait_for_selector("#models .card")
    finally:
        server.stop()


def test_the_page_writes_text_and_never_html():
    """What a class, a model or a file is called reaches it as text alone."""
    for written in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "srcdoc", "eval(", "DOMParser"):
        assert written not in html()
    assert "textContent" in html() and "unsafe-eval" not in POLICY and POLICY.startswith("default-src 'none'")
