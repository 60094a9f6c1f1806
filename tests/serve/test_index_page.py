"""What the page asks of an index: pictures of its items, and more like one of them; and the page in a real browser."""

import dataclasses
import hashlib
import http.client
import io
import json

import numpy as np
import pytest
from PIL import Image

from kerasvision.serve import indexes
from kerasvision.serve.indexes import Wanted
from kerasvision.serve.models import configs_below
from kerasvision.serve.page import html
from kerasvision.serve.server import Server
from kerasvision.serve.status import Code, ServingError
from kerasvision.serve.thumbnails import LARGEST, thumbnail
from kerasvision.systems import index_folder
from kerasvision.systems.index import Index, drawn_pictures
from tests.serve.conftest import QUIET, Client, png
from tests.serve.test_indexes import PICTURES, save_embedder, vector
from tests.serve.test_page import ARTIFACTS, drop, page
from tests.waiting import HANG, until

__all__ = ["page"]  # a fixture


@pytest.fixture
def shop(tmp_path):
    """(a server of an index that may be changed, a folder with its pictures 0.png to 4.png, of which the last was added
    over the network).
    """
    save_embedder(tmp_path / "models" / "colors" / "1")
    items = []
    for number, pixels in enumerate(PICTURES):
        content = png(np.kron(pixels, np.ones([20, 30, 1], np.uint8)))
        (tmp_path / f"{number}.png").write_bytes(content)
        known = {"sha256": hashlib.sha256(content).hexdigest()} if number < 4 else {}
        items.append({"number": number, "path": str(tmp_path / f"{number}.png"), "label": "ab"[number % 2]} | known)
    drawn = np.stack([vector(one) for one in drawn_pictures()])
    index = Index(np.stack([vector(one) for one in PICTURES]), tuple(items), "colors", drawn)
    index_folder.save(index, tmp_path / "shop.index")
    options = dataclasses.replace(QUIET, indexes=(Wanted(tmp_path / "shop.index", "colors"),), writable=True)
    server = Server(configs_below(tmp_path / "models"), options, tmp_path / "models").start()
    yield server, tmp_path
    server.stop()


def picture(server, number):
    """(status, Pillow image or the refusal)."""
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=HANG)
    connection.request("GET", f"/v1/indexes/shop/pictures/{number}")
    response = connection.getresponse()
    held = response.read()
    if response.status != 200:
        return response.status, json.loads(held)["error"]
    assert response.headers["content-type"] == "image/png"
    return 200, Image.open(io.BytesIO(held))


NOT_THERE = "cannot be read at its path, which starts at the server's folder unless it is absolute"


def test_pictures_of_items_are_small_and_only_what_was_indexed(shop):
    server, folder = shop
    status, shown = picture(server, 2)
    assert (status, max(shown.size)) == (200, 160) and shown.width / shown.height == pytest.approx(300 / 240, abs=0.01)
    assert np.abs(np.asarray(shown).mean((0, 1)) - PICTURES[2].mean((0, 1))).max() < 3
    assert picture(server, 4) == (404, "item 4 was not indexed from a file here, so its picture is not shown")
    assert picture(server, 9) == (404, "the index has no item 9")
    (folder / "0.png").write_bytes((folder / "1.png").read_bytes())
    assert picture(server, 0) == (404, "the picture of item 0 is no longer the one that was indexed")
    (folder / "1.png").unlink()
    assert picture(server, 1) == (404, f"the picture of item 1 {NOT_THERE}")


def test_a_file_that_is_no_picture_is_not_shown(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"secret")
    item = {"number": 3, "path": str(tmp_path / "a.txt"), "sha256": hashlib.sha256(b"secret").hexdigest()}
    with pytest.raises(ServingError, match="cannot be shown") as error:
        thumbnail(item)
    assert "secret" not in str(error.value) and error.value.code is Code.NOT_FOUND
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(ServingError, match="no longer the one that was indexed"):
        thumbnail(item)


def test_more_like_an_item_are_the_nearest_to_its_vector(shop):
    client = Client(shop[0].rest_port)
    status, answer = client.ask("POST", "/v1/indexes/shop:search", json.dumps({"numbers": [3, 1], "top": 3}))
    held = np.stack([vector(one) for one in PICTURES])
    for row, number in zip(answer["results"], (3, 1), strict=True):
        assert [item["number"] for item in row] == np.argsort(-(held @ held[number]), kind="stable")[:3].tolist()
    status, answer = client.ask("POST", "/v1/indexes/shop:search", json.dumps({"numbers": [3, 7]}))
    assert status == 404 and answer["error"] == "the index has no item 7"


@pytest.mark.slow
def test_a_photo_finds_itself_on_the_page_and_is_removed_there(shop, page):  # noqa: F811 (the fixture)
    server, folder = shop
    page.goto(f"http://127.0.0.1:{server.rest_port}/")
    page.wait_for_selector("#search:visible")
    drop(page, "photo.png", (folder / "2.png").read_bytes(), "#seek")
    page.wait_for_selector("#found figure >> nth=4")
    assert page.text_content("#told").startswith("the 5 nearest of 5, in ")
    first = page.text_content("#found figure >> nth=0")
    assert first.startswith("1.000") and str(folder / "2.png") in first
    loaded = "[...document.querySelectorAll('#found img')].filter(i => i.naturalWidth > 64).length"
    until(lambda: page.evaluate(loaded) == 4)
    assert "was not indexed from a file here" in page.text_content("#found")
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / "search.png", full_page=True)
    page.click("#found figure >> nth=1 >> text=more like this")
    until(lambda: page.text_content("#found figure >> nth=0").startswith("1.000"))
    until(lambda: str(folder / "2.png") not in page.text_content("#found figure >> nth=0"))
    drop(page, "photo.png", (folder / "2.png").read_bytes(), "#seek")
    until(lambda: str(folder / "2.png") in page.text_content("#found figure >> nth=0"))
    page.click("#found figure >> nth=0 >> text=remove")
    until(lambda: page.text_content("#told").startswith("the 4 nearest of 4"))
    assert str(folder / "2.png") not in page.text_content("#found")
    page.fill("#query", "a red apple")
    page.click("#ask")
    page.wait_for_selector("#told.bad")
    assert "colors knows no words" in page.text_content("#told")
    assert [e for e in page.errors if "400" not in e and "404" not in e] == []


def test_the_page_sends_what_the_server_takes():
    """Keys of the page's requests are those that the server reads."""
    for key in ("instances", indexes.TEXTS, indexes.NUMBERS):
        assert f"search({{{key}: [" in html()
    assert "v1/indexes/${index}/pictures/${number}" in html()
