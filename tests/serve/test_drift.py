"""Shifts that are planted are told, and what has not shifted is not."""

import io
import re

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy import stats
from sklearn.datasets import load_digits

from kerasvision.data.kinds.image import STATISTICS
from kerasvision.export import profile
from kerasvision.export.contract import read_contract
from kerasvision.serve import drift
from kerasvision.serve.drift import LEAST, Watch
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Server
from tests.serve.conftest import QUIET, Client


def test_the_index_is_the_formula_and_chance_is_chi_squared():
    rng = np.random.default_rng(0)
    kept = profile._binned("brightness", rng.normal(size=2000))
    values = rng.normal(0.5, 1.2, 400)
    index, chance = profile.stability_index(kept, values)
    p = np.histogram(values, [-np.inf, *kept["edges"], np.inf])[0] / 400
    assert index == pytest.approx(stats.entropy(p, kept["shares"]) + stats.entropy(kept["shares"], p))


@pytest.mark.parametrize(("examples", "kept_examples"), [(2000, 400), (400, 2000), (600, 600)])
def test_chance_is_what_chance_makes(examples, kept_examples):
    """The mean of 600 comparisons of one distribution with itself, both sides drawn each time. Half of the variance is
    the profile's in the first case, and all but a sixth of it: without that part, or without the other, it is off by
    16 % to 84 %; the mean of 600 nearly chi-squared values of 9 degrees has an error of 2 % (one standard deviation).
    """
    rng, means = np.random.default_rng(5), []
    for _ in range(600):
        kept = profile._binned("brightness", rng.normal(size=kept_examples))
        index, chance = profile.stability_index(kept, rng.normal(size=examples))
        means.append(index)
    assert np.mean(means) == pytest.approx(chance, rel=0.08)


@pytest.mark.parametrize("values", [[1.0, 1.0, 2.0, 0.5], [1.0], [2.0, 2.0], [0.999999, 1.0, 1.000001, 1.999999, 2.5]])
def test_a_value_on_an_edge_lies_above_it(values):
    """As numpy.histogram has it: bins hold their lower edge."""
    found = profile.shares(values, [1.0, 2.0])
    counts = np.maximum(np.histogram(values, [-np.inf, 1.0, 2.0, np.inf])[0], 0.5)
    assert found == pytest.approx(counts / counts.sum())


def watch_of_confidence(kept_examples, sure, seen=500):
    """What is said of a classifier that was sure in half of its examples, and is in `sure` of those that came."""
    watch = Watch({"confidence": {"edges": [0.75], "shares": [0.5, 0.5], "examples": kept_examples}})
    scores = np.where(np.arange(seen)[:, None] < sure, [[0.9, 0.1]], [[0.6, 0.4]])
    watch.see({}, {"probabilities": scores})
    row = watch.report()["confidence"]
    p = sure / seen
    assert row["psi"] == pytest.approx((p - 0.5) * np.log(p / (1 - p)), abs=1e-4)  # of two bins, against halves
    return row["shifted"]


def test_a_shift_must_be_large_and_beyond_chance():
    """PSI from 0.25 and from four times chance, here 4 (1 / 500 + 1 / N): each bound by itself on both its sides."""
    many = 1_000_000
    assert not watch_of_confidence(many, 369) and watch_of_confidence(many, 370)  # 0.2465 and 0.2510; chance 0.002
    assert not watch_of_confidence(16, 370) and watch_of_confidence(17, 370)  # 4 chance: 0.2580 and 0.2433
    assert not watch_of_confidence(many, 275)  # 0.0100: five times chance, and small
    assert not watch_of_confidence(2, 370)


class Clock:
    """A processor on which each look takes `cost` seconds, and nothing else any."""

    def __init__(self, cost):
        self.now, self.cost, self.looks = 0.0, cost, 0

    def perf_counter(self):
        return self.now

    def look(self, answer):
        self.now += self.cost
        self.looks += 1
        return answer


@pytest.mark.parametrize("features", [False, True])
def test_looking_takes_no_more_than_its_share_of_the_time(monkeypatch, features):
    """Half a second at first and 5 % of what has passed, for pictures and as much for their features: at 0.1 s a look
    the sixth is begun, when all of it but 25 ms is spent; the seventh is not. After 100 s of rest 52 more are.
    """
    clock, seen = Clock(0.1), Clock(0.0)
    monkeypatch.setattr(drift, "time", clock)
    plain = profile.of_input
    costly = seen if features else clock
    monkeypatch.setattr(profile, "of_input", lambda *of: costly.look(plain(*of)))
    kept = {"brightness": {"edges": [1.0], "shares": [0.5, 0.5], "examples": 10}}
    watch = Watch(kept, (lambda image: clock.look(np.zeros((1, 4)))) if features else None)
    images = np.zeros((200, 4, 4, 3), np.uint8)
    watch.see({"image": images}, {})
    assert clock.looks == 6 and (seen.looks == 200 if features else watch.report() == {})
    clock.now += 100.0
    watch.see({"image": images}, {})
    # k looks are spent 0.1 k; the next is begun while that is at most 0.5 + 0.05 (100 + 0.1 k)
    assert clock.looks == int((0.5 + 5.0) / 0.095) + 1


def test_statistics_of_a_picture(photographs):
    photo = photographs["chelsea"]
    gray = np.asarray(Image.fromarray(photo).convert("L").reduce(2), float)
    found = profile.of_input("image", "image", photo)
    assert (found["height"], found["width"]) == photo.shape[:2]
    assert found["brightness"] == pytest.approx(gray.mean(), abs=0.1)
    assert found["contrast"] == pytest.approx(gray.std(), abs=0.1)
    blurred = np.asarray(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(3)))
    assert profile.of_input("image", "image", blurred)["sharpness"] < found["sharpness"] - 1
    assert profile.of_input("image", "image", np.zeros((1, 1, 3), np.uint8))["sharpness"] == 0.0


NAMED = ("unsure", "confidence")


@pytest.fixture
def running(served_folder, monkeypatch):
    """(client, image of digits uint8 [N, 8, 8, 3], what `see` should be given) of a fresh server."""
    monkeypatch.setattr(drift, "BURST", 60.0)
    configs = [c for c in configs_below(served_folder) if c.name == "digits"]
    server = Server(configs, QUIET, served_folder).start()
    gray = np.uint8(load_digits().images * 255 / 16)
    yield Client(server.rest_port), np.repeat(gray[..., None], 3, -1)
    server.stop()


def asked(client, images):
    for start in range(0, len(images), 50):
        status, _ = client.predict("digits", {"instances": images[start : start + 50].tolist()})
        assert status == 200
    return client.ask("GET", "/drift")[1]["digits/1"]


def test_the_contract_keeps_what_was_seen(served_folder):
    kept = read_contract(served_folder / "digits" / "1")["profile"]
    embedding = {f"{profile.EMBEDDING}/{k}" for k in range(profile.DIRECTIONS)}
    assert set(kept) == {*STATISTICS, "confidence", "class", *embedding}
    assert kept["height"]["edges"] == [7.5, 8.5] and kept["confidence"]["examples"] == 20


@pytest.fixture(scope="module")
def judged():
    """A profile of 1000 digits, and answers that a good model gives."""
    rng = np.random.default_rng(0)
    gray = np.uint8(load_digits().images * 255 / 16)
    images = np.repeat(gray[..., None], 3, -1)
    scores = rng.dirichlet([0.3] * 10, len(images)).astype(np.float32)
    kept = profile.Profile({"image": "image"})
    kept.see({"image": images[:1000]}, {"probabilities": scores[:1000]})
    return images, scores, kept.result()


def shifted(watch):
    return {name for name, row in watch.report().items() if row["shifted"]}


def seen(watch, images, scores, chunk=50):
    for start in range(0, len(images), chunk):
        watch._spent = {"input": 0.0, "features": 0.0}  # as if each had come much later
        watch.see({"image": images[start : start + chunk]}, {"probabilities": scores[start : start + chunk]})
        yield shifted(watch)


def test_five_thousand_unshifted_requests_raise_no_alert(judged):
    images, scores, kept = judged
    drawn = np.random.default_rng(1).integers(0, len(images), 5000)
    assert not set().union(*seen(Watch(kept), images[drawn], scores[drawn]))


PLANTED = {
    "brightness": lambda x: np.uint8(np.clip(x * 0.6, 0, 255)),
    "sharpness": lambda x: np.stack([np.asarray(Image.fromarray(i).filter(ImageFilter.GaussianBlur(1))) for i in x]),
    "height": lambda x: np.repeat(x, 2, 1),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_shift_of_pictures_is_told_within_500_requests(judged, name):
    images, scores, kept = judged
    watch = Watch(kept)
    drawn = np.random.default_rng(2).integers(0, len(images), 1000)
    assert not set().union(*seen(watch, images[drawn[:500]], scores[drawn[:500]]))
    told = list(seen(watch, PLANTED[name](images[drawn[500:]]), scores[drawn[500:]]))
    assert name in told[-1]


def test_new_classes_are_told_by_confidence_and_class(judged):
    images, _, kept = judged
    rng = np.random.default_rng(3)
    unsure = rng.dirichlet([3.0] * 10, 500).astype(np.float32)
    told = list(seen(Watch(kept), images[:500], unsure))
    assert "confidence" in told[-1]


def test_a_server_tells_it_over_both_pages(running):
    client, images = running
    calm = asked(client, images[: 2 * LEAST])
    assert calm["brightness"]["examples"] >= LEAST
    dark = asked(client, images[:500] // 4)
    assert dark["brightness"]["psi"] > calm["brightness"]["psi"]
    text = client.ask("GET", "/metrics")[1]
    assert 'kerasvision_drift_psi{model="digits",statistic="brightness",version="1"}' in text
    unsure, mean = (float(re.search(rf'kerasvision_{n}{{model="digits",version="1"}} (\S+)', text)[1]) for n in NAMED)
    assert (unsure, mean) == (dark["confidence"]["unsure"], dark["confidence"]["mean"])
    assert 0 < unsure < 1 and 0.1 < mean < 1


def test_encoded_pictures_are_looked_at_too(running):
    import base64

    client, images = running
    rows = []
    for image in images[:LEAST]:
        held = io.BytesIO()
        Image.fromarray(image).save(held, "PNG")
        rows.append({"b64": base64.b64encode(held.getvalue()).decode()})
    assert client.predict("digits", {"signature_name": "serving_bytes", "instances": rows})[0] == 200
    assert client.ask("GET", "/drift")[1]["digits/1"]["height"]["psi"] < 0.25


def test_the_alert_rules_name_what_the_server_counts(served_folder, running):
    import yaml

    client, images = running
    asked(client, images[: 2 * LEAST])
    text = client.ask("GET", "/metrics")[1]
    rules = yaml.safe_load((served_folder / "alerts.yaml").read_text())["groups"][0]["rules"]
    assert [r["alert"] for r in rules] == ["ModelInputsShifted", "ModelErrors", "ModelOverloaded"]
    for rule in rules:
        names = re.findall(r"kerasvision_\w+", rule["expr"])
        assert names and all(re.search(rf"^{name}{{", text, re.MULTILINE) for name in names), rule


def test_features_are_looked_at_along_directions_that_stay():
    features = np.random.default_rng(0).normal(size=(50, 24))
    along = np.stack(list(profile.of_features(features).values()), 1)
    directions = np.linalg.lstsq(features, along, rcond=None)[0]
    np.testing.assert_allclose(np.abs(directions), 1.0)
    first = "".join("+" if sign > 0 else "-" for sign in directions[0])
    assert first == "+---+++++++-+-+-" and abs(directions.mean()) < 0.1  # contracts were written with these
