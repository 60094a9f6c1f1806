"""Pages of exports in headless Chromium, for tests: a static server, a browser, and the page put beside files."""

import base64
import contextlib
import functools
import http.server
import os
import pathlib
import shutil
import threading

import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.export.web.folder import write_list, write_page
from kerasvision.export.web.runtime import NAMED, runtime_files
from tests.waiting import HANG

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
ARTIFACTS = pathlib.Path(__file__).parents[1] / "artifacts"
FAKE_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
READY = "#state:text-is('ready')"


def litertjs():
    """LiteRT.js of the folder KERASVISION_LITERTJS or of what npm has kept, without network; skips where it is not."""
    held = _litertjs()
    if isinstance(held, str):
        words = " && ".join(f"npm cache add {name}" for name in NAMED.split())
        pytest.skip(f"LiteRT.js is not here ({words}, or name a folder in KERASVISION_LITERTJS): {held}")
    return held


@functools.cache
def _litertjs():
    """The files, or why they are not there."""
    try:
        return runtime_files(os.environ.get("KERASVISION_LITERTJS"), offline=True)
    except KerasVisionError as error:
        return str(error)


@pytest.fixture(scope="session")
def runtime():
    return litertjs()


@pytest.fixture(scope="module")
def chromium():
    """A browser with a camera that shows a test picture."""
    if not BROWSER:
        pytest.skip("no chromium on PATH")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", *FAKE_CAMERA])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A page of a browser that knows nothing yet. `errors` are those of its scripts."""
    context = chromium.new_context(viewport={"width": 1000, "height": 700})
    opened = context.new_page()
    opened.set_default_timeout(1000 * HANG)
    opened.errors = []
    opened.on("pageerror", lambda error: opened.errors.append(str(error)))
    yield opened
    context.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """What `python -m http.server` does, without a line a request."""

    def log_message(self, *words):
        pass


@contextlib.contextmanager
def served(folder):
    """The address of a folder, by a static server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def with_page(package, folder, runtime):
    """A copy of a package of .tflite files, with the page in it."""
    shutil.copytree(package, folder)
    write_page(folder, runtime)
    write_list(folder)
    return folder


def verified(page, address):
    """(verdict, lines) of `?check`."""
    page.goto(f"{address}?check")
    page.wait_for_selector("body[data-verdict]")
    return page.get_attribute("body", "data-verdict"), page.text_content("#lines").splitlines()


def asked(page, encoded, file):
    """What the page's module answers to the bytes of a picture: {"described", "height", "width", arrays as lists}."""
    return page.evaluate(
        """async ([text, file]) => {
            const { openClient } = await import("./kerasvision.js");
            globalThis.asked ??= await openClient();
            const answer = await globalThis.asked.predict(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), file);
            const plain = ([key, held]) => [key, held.values ? Array.from(held.values) : held];
            return { ...answer, values: Object.fromEntries(Object.entries(answer.values).map(plain)) };
        }""",
        [base64.b64encode(encoded).decode(), file],
    )


def decoded(page, encoded, rule="applied"):
    """[height, width, bytes of its pixels] of a picture as the page's module decodes it."""
    height, width, text = page.evaluate(
        """async ([text, rule]) => {
            const { decode } = await import("./decoding.js");
            const held = await decode(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), rule);
            let bytes = "";
            for (const value of held.values) bytes += String.fromCharCode(value);
            return [held.height, held.width, btoa(bytes)];
        }""",
        [base64.b64encode(encoded).decode(), rule],
    )
    return height, width, base64.b64decode(text)


def hand_over(page, event, name, content):
    """A file pasted or dropped."""
    page.evaluate(
        """([event, name, text]) => {
            const data = new DataTransfer();
            data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
            const init = { bubbles: true, cancelable: true };
            const made = event === "paste"
                ? new ClipboardEvent(event, { ...init, clipboardData: data })
                : new DragEvent(event, { ...init, dataTransfer: data });
            document.body.dispatchEvent(made);
        }""",
        [event, name, base64.b64encode(content).decode()],
    )
