"""MobileNetV2 at 224 px with JPEG bodies and 64 clients: the embedded server, the graph alone, and other servers.

    pytest -m benchmark tests/benchmarks/test_serving_load.py -s

KERASVISION_LOAD_SECONDS: of each load (default 10; the README's figures are of 60). Peers that are not installed
(fastapi, ray[serve]) are left out.
"""

import base64
import concurrent.futures
import importlib.util
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.core.registry import create
from kerasvision.export.profile import Profile
from kerasvision.export.targets.saved_model import FEATURES, write_saved_model
from kerasvision.inference.served import Served
from kerasvision.serve.batching import Batching
from kerasvision.serve.servable import Servable

pytestmark = pytest.mark.benchmark

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = float(os.environ.get("KERASVISION_LOAD_SECONDS", "10"))
SIZES = (1, 4, 16, 32, 64)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """(folder of models, a JPEG of 400 px, the file of a request)."""
    photo = pytest.importorskip("skimage.data").astronaut()
    folder = tmp_path_factory.mktemp("load")
    backbone = create("backbones/mobilenet", version="v2")
    arch = create("classification/classifier", num_classes=1000, image_size=(224, 224), backbone=backbone)
    classes = tuple(map(str, range(1000)))
    write_saved_model(Served(arch, arch.build(), classes), folder / "models" / "mobilenet" / "1")
    held = io.BytesIO()
    Image.fromarray(photo[:400, :400]).save(held, "JPEG", quality=90)
    body = {"signature_name": "serving_bytes", "instances": [{"b64": base64.b64encode(held.getvalue()).decode()}]}
    (folder / "body.json").write_text(json.dumps(body))
    return folder / "models", held.getvalue(), folder / "body.json"


def watched(folder, jpeg):
    """A folder of the same model, whose contract has the profile of 200 parts of a photo, so that drift is watched."""
    path = shutil.copytree(folder, folder.with_name("watched")) / "mobilenet" / "1"
    signatures, photo = tf.saved_model.load(str(path)).signatures, np.asarray(Image.open(io.BytesIO(jpeg)))
    kept, rng = Profile({"image": "image"}), np.random.default_rng(0)
    for y, x in rng.integers(0, len(photo) - 224, (200, 2)):
        image = photo[None, y : y + 224, x : x + 224]
        outputs = {k: v.numpy() for k, v in signatures["serving_default"](image=tf.constant(image)).items()}
        kept.see({"image": image}, outputs, signatures[FEATURES](image=tf.constant(image))["features"].numpy())
    (path / "assets.extra").mkdir(exist_ok=True)
    contract = {"artifacts": [], "inputs": {"image": {"kind": "image"}}, "profile": kept.result()}
    (path / "assets.extra" / "contract.json").write_text(json.dumps(contract))
    return path.parents[1]


def alone(folder, jpeg, seconds=3.0):
    """{batch size: images a second} of the graph in this process, with one and with two batches at once."""
    signature = tf.saved_model.load(str(folder / "mobilenet" / "1")).signatures["serving_bytes"]
    rates = {}
    for size in SIZES:
        batch = tf.constant([jpeg] * size)
        signature(image_bytes=batch)
        for at_once in (1, 2):
            with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
                ends = time.perf_counter() + seconds

                def run(batch=batch, ends=ends):
                    count = 0
                    while time.perf_counter() < ends:
                        signature(image_bytes=batch)
                        count += len(batch)
                    return count

                started = time.perf_counter()
                total = sum(f.result() for f in [pool.submit(run) for _ in range(at_once)])
                rates[size, at_once] = total / (time.perf_counter() - started)
    return rates


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


class Started:
    """A server in a process of its own, ready. words: its command, PORT in place of the port."""

    def __init__(self, words, path, body):
        self.port, self.path, self.body = free_port(), path, body
        words = [str(self.port) if word == "PORT" else str(word) for word in words]
        self._process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __enter__(self):
        ends = time.monotonic() + 180
        while self.load(1, 0.1)["statuses"].get("200", 0) == 0:
            assert time.monotonic() < ends and self._process.poll() is None, "the server did not start"
        self.load(64, 3)
        return self

    def __exit__(self, *error):
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)

    def load(self, clients, seconds):
        words = ["-m", "tests.benchmarks.serving.load", f"127.0.0.1:{self.port}", self.path, str(self.body)]
        words += ["--clients", str(clients), "--seconds", str(seconds)]
        done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def resident(self):
        """Bytes of the process in memory."""
        return int(pathlib.Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]) * 4096


def ours(folder, body):
    words = ["kerasvision", "serve", folder, "--engine", "embedded", "--rest-api-port", "PORT", "--port", "0"]
    return Started(words, "/v1/models/mobilenet:predict", body)


def test_throughput_beside_the_graph_alone_and_other_servers(model, capsys):
    folder, jpeg, body = model
    rates = alone(folder, jpeg)
    (size, at_once), best = max(rates.items(), key=lambda row: row[1])
    with ours(folder, body) as server:
        rows = {"embedded server": server.load(64, SECONDS)}
    with ours(watched(folder, jpeg), body) as server:
        rows["embedded server, watching for drift"] = server.load(64, SECONDS)
    path = folder / "mobilenet" / "1"
    peers = {
        "plain FastAPI": ("fastapi", "plain_fastapi", path, "PORT"),
        "FastAPI with threads": ("fastapi", "plain_fastapi", path, "PORT", "threads"),
        "Ray Serve": ("ray", "ray_serve", path, "PORT"),
    }
    for name, (package, module, *words) in peers.items():
        if importlib.util.find_spec(package):
            with Started([f"tests.benchmarks.serving.{module}", *words], "/predict", body) as peer:
                rows[name] = peer.load(64, SECONDS)
    with capsys.disabled():
        print(f"\ngraph alone: {best:.1f} images/s, batches of {size}, {at_once} at once")
        for name, row in rows.items():
            share, p50, p99 = row["per_second"] / best, row["p50_ms"], row["p99_ms"]
            print(f"{name}: {row['per_second']:.1f}/s ({share:.2f}), p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    assert all(set(row["statuses"]) == {"200"} for row in rows.values())
    assert rows["embedded server"]["per_second"] > 0.8 * best
    assert rows["embedded server, watching for drift"]["per_second"] > 0.8 * best


def test_ten_times_the_load_is_refused_in_words_and_passes(model, capsys):
    """640 clients: every request is answered, with 200 or 429; memory stays; and 5 s later one waits no longer."""
    with ours(model[0], model[2]) as server:
        server.load(640, 5)  # every size of batch has been seen
        calm, before = server.load(1, 3), server.resident()
        flood, after = server.load(640, SECONDS), server.resident()
        time.sleep(5)
        recovered = server.load(1, 3)
    with capsys.disabled():
        print(f"\n640 clients: {flood}\nmemory {before / 2**20:.0f} -> {after / 2**20:.0f} MB")
        print(f"one client before {calm['p50_ms']:.0f} ms, after {recovered['p50_ms']:.0f} ms")
    assert set(flood["statuses"]) <= {"200", "429"} and set(recovered["statuses"]) == {"200"}
    assert after - before < 128 * 2**20 and recovered["p50_ms"] < 2 * calm["p50_ms"]


def test_batches_before_the_graph_or_inside(model, capsys):
    """64 threads ask for one image each: our queue, or TensorFlow's batch function around the signature."""
    folder, jpeg, _ = model
    servable, images = Servable("mobilenet", 1, folder / "mobilenet" / "1"), np.array([jpeg], object)
    signature = servable._functions["serving_bytes"]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def inside(encoded):
        @tf.nondifferentiable_batch_function(2, 32, 1000, max_enqueued_batches=64)
        def batched(encoded):
            return next(iter(signature(image_bytes=encoded).values()))

        return batched(encoded)

    engine = Batching()
    asks = {
        "before the graph": lambda: engine.predict(servable, {"image_bytes": images}, "serving_bytes"),
        "inside the graph": lambda: inside(tf.constant([jpeg])).numpy(),
    }
    rates = {}
    for name in (*asks, *asks):
        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            ends, started = time.perf_counter() + 5, time.perf_counter()

            def run(ask=asks[name], ends=ends):
                count = 0
                while time.perf_counter() < ends:
                    ask()
                    count += 1
                return count

            total = sum(f.result() for f in [pool.submit(run) for _ in range(64)])
            rates.setdefault(name, []).append(total / (time.perf_counter() - started))
    engine.stop()
    with capsys.disabled():
        print("\n", {name: [round(rate, 1) for rate in held] for name, held in rates.items()})
    assert max(rates["before the graph"]) > 0.9 * max(rates["inside the graph"])
