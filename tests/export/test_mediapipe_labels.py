"""The files for MediaPipe's ImageClassifier of several labels and its AudioClassifier: metadata, LiteRT, MediaPipe."""

import zipfile

import numpy as np
import pytest
from flatbuffers.number_types import Float32Flags, Int8Flags, Uint8Flags, Uint32Flags

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.edge import open_client
from kerasvision.edge.independent import restore
from kerasvision.export import described
from kerasvision.export import metadata as md
from kerasvision.export.base import Job, from_spec
from kerasvision.export.certificate import export
from kerasvision.export.targets.mediapipe import MediaPipe, task_of
from tests.contract.audio_cases import several as sounds_of_several
from tests.contract.audio_cases import sounds
from tests.contract.cases import CASES, CaseSamples
from tests.data.drawn_sounds import burst, tone
from tests.export.mediapipe_python import mediapipe_answers
from tests.export.metadata_reader import metadata_of
from tests.export.traced import untrained

SEVERAL, SOUND = "classification/multi_label", "audio_classification/classifier"
SOUNDS = "audio_classification/multi_label"
HW = (16, 16)


@pytest.fixture(scope="module", autouse=True)
def cases():
    sources.register("contract_case")(CaseSamples)
    yield
    sources._parts.pop("contract_case")


def pictures():
    return {str(n): np.random.default_rng(n).integers(0, 256, (*HW, 3)).astype(np.uint8) for n in range(12)}


def probabilities(trained, image):
    return trained.served().serve({"image": image[None]})["probabilities"].numpy()[0]


@pytest.fixture(scope="module")
def several():
    """Untrained, with thresholds between what it says of the pictures, the first exactly what it says of one."""
    plain = untrained(SEVERAL)
    held = np.stack([probabilities(plain, image) for image in pictures().values()])
    middle = np.sort(held, 0)[5:7].mean(0)
    return untrained(SEVERAL, thresholds=(float(held[3, 0]), *map(float, middle[1:])))


@pytest.fixture(scope="module")
def hearing_several():
    """Untrained, with thresholds between what it says of the sounds."""
    plain, held = untrained(SOUNDS), []
    for audio, rate, _ in sounds_of_several():
        inputs = {"audio": audio[None], "rate": np.int32([rate])}
        held.append(plain.served().serve(inputs)["probabilities"].numpy()[0])
    return untrained(SOUNDS, thresholds=tuple(map(float, np.sort(held, 0)[5:7].mean(0))))


@pytest.fixture(scope="module")
def hearing():
    return untrained(SOUND)


def written(trained, spec, folder):
    (artifact,), _ = export(trained, [from_spec(spec)], folder, verbose=False)
    return artifact


@pytest.fixture(scope="module")
def several_file(several, tmp_path_factory):
    return written(several, "mediapipe:float32", tmp_path_factory.mktemp("several"))


def test_labels_are_on_by_the_thresholds_in_the_file(several, several_file):
    artifact = several_file
    assert artifact.verdict != "FAIL" and list(artifact.signature["outputs"]) == ["probabilities"]
    (scores,) = metadata_of(artifact.path)[1].rows(md.SUBGRAPH_OUTPUTS)
    files = [(f.text(md.FILE_NAME), f.number(md.FILE_TYPE, Int8Flags)) for f in scores.rows(md.TENSOR_FILES)]
    assert files == [("labels.txt", md.AXIS_LABELS), ("score_calibration.txt", md.AXIS_CALIBRATION)]
    units = scores.rows(md.TENSOR_UNITS)
    assert [u.number(md.UNIT_TYPE, Uint8Flags) for u in units] == [md.CALIBRATION, md.THRESHOLDING]
    assert units[0].inside(md.UNIT).number(md.CALIBRATION_TRANSFORM, Int8Flags) == md.INVERSE_LOGISTIC
    assert units[1].inside(md.UNIT).number(md.THRESHOLD, Float32Flags) == np.finfo(np.float32).tiny
    with zipfile.ZipFile(artifact.path) as archive:
        rows = [line.split(",") for line in archive.read("score_calibration.txt").decode().splitlines()]
    assert [row[:3] for row in rows] == [["1", "1", "0"]] * 4
    assert [np.float32(row[3]) for row in rows] == [np.float32(t) for t in several.arch.thresholds]


def test_a_client_that_knows_the_contract_alone_finds_the_same_labels(several, several_file):
    client = open_client(several_file.path)
    assert client.row["restore"]["rule"] == "labels"
    seen = set()
    for image in pictures().values():
        expected, found = several.served().serve({"image": image[None]}), client.predict(image)
        away = np.abs(expected["probabilities"][0] - np.float32(several.arch.thresholds))
        sure = away > 1e-5  # another rounding of what lies on a threshold may lie on its other side
        np.testing.assert_array_equal(found["present"][sure], expected["present"][0].numpy()[sure])
        np.testing.assert_allclose(found["probabilities"], expected["probabilities"][0], atol=1e-5)
        seen |= set(found["present"].tolist())
    assert seen == {0, 1}


def test_the_likeliest_are_on_where_a_number_of_them_decides(tmp_path):
    trained, exporter = untrained(SEVERAL, top_k=3), MediaPipe()
    samples = tuple({"image": image[None]} for image in pictures().values())
    path = exporter.write(Job(trained.served(), "likeliest", 1, tmp_path, (), samples))
    (scores,) = metadata_of(path)[1].rows(md.SUBGRAPH_OUTPUTS)
    assert "set max_results=3" in scores.text(md.TENSOR_DESCRIPTION) and not scores.rows(md.TENSOR_UNITS)
    found = exporter.open(path, trained.arch)(samples[0])
    rule = described.file(trained.arch, exporter.signature(path))["restore"]
    assert rule == {"rule": "labels", "probabilities": "probabilities", "top_k": 3}
    alone = restore({"restore": rule}, {"probabilities": found["probabilities"][0]}, {})["present"]
    for present in (found["present"][0], alone):
        assert present.sum() == 3 and not present[found["probabilities"][0].argmin()]


def test_sets_of_labels_are_not_for_mediapipe():
    with pytest.raises(KerasVisionError, match="label_powerset chooses a whole set of labels"):
        task_of(CASES["classification/label_powerset"].make())


def test_a_file_of_sounds_says_its_rate_and_its_classes(hearing, tmp_path):
    exporter, held = MediaPipe(), [{"audio": a[None], "rate": np.int32([rate])} for a, rate, _ in sounds()]
    path = exporter.write(Job(hearing.served(), "sounds", 1, tmp_path, (), tuple(held)))
    assert task_of(hearing.arch) == "AudioClassifier"
    said = metadata_of(path)[1]
    (audio,), (scores,) = said.rows(md.SUBGRAPH_INPUTS), said.rows(md.SUBGRAPH_OUTPUTS)
    content = audio.inside(md.TENSOR_CONTENT)
    assert content.number(md.CONTENT_TYPE, Uint8Flags) == md.AUDIO_PROPERTIES
    properties = content.inside(md.CONTENT)
    assert properties.number(md.AUDIO_RATE, Uint32Flags) == 8000
    assert properties.number(md.AUDIO_CHANNELS, Uint32Flags) == 1
    assert [f.text(md.FILE_NAME) for f in scores.rows(md.TENSOR_FILES)] == ["labels.txt"]
    assert exporter.signature(path)["inputs"]["audio"]["shape"] == [1, 2000]
    for sample in held[:2]:
        expected = hearing.served().serve(sample)["probabilities"]
        np.testing.assert_allclose(exporter.open(path, hearing.arch)(sample)["probabilities"], expected, atol=1e-5)


@pytest.mark.nightly
def test_a_file_of_sounds_of_several_labels_has_their_thresholds(hearing_several, tmp_path):
    exporter = MediaPipe()
    held = [{"audio": a[None], "rate": np.int32([rate])} for a, rate, _ in sounds_of_several()]
    path = exporter.write(Job(hearing_several.served(), "labels", 1, tmp_path, (), tuple(held)))
    assert task_of(hearing_several.arch) == "AudioClassifier"
    (scores,) = metadata_of(path)[1].rows(md.SUBGRAPH_OUTPUTS)
    assert [f.text(md.FILE_NAME) for f in scores.rows(md.TENSOR_FILES)] == ["labels.txt", "score_calibration.txt"]
    rule = described.file(hearing_several.arch, exporter.signature(path))["restore"]
    assert rule["rule"] == "labels" and rule["thresholds"] == pytest.approx(hearing_several.arch.thresholds)
    found = [exporter.open(path, hearing_several.arch)(sample)["present"][0] for sample in held]
    expected = [hearing_several.served().serve(sample)["present"][0].numpy() for sample in held]
    np.testing.assert_array_equal(found, expected)
    assert 0 < np.sum(expected) < np.size(expected)


@pytest.mark.nightly
@pytest.mark.parametrize("spec", ["mediapipe:float32", "mediapipe:int8"])
def test_a_file_of_sounds_is_certified(hearing, spec, tmp_path):
    assert written(hearing, spec, tmp_path).verdict != "FAIL"


@pytest.mark.slow
def test_mediapipe_gives_the_labels_that_predict_gives(several, several_file, tmp_path):
    path = several_file.path
    runner, count = MediaPipe().open(path, several.arch), 0
    for name, rows in mediapipe_answers("ImageClassifier", path, pictures(), tmp_path).items():
        found = runner({"image": pictures()[name][None]})
        on = np.flatnonzero(found["present"][0])
        assert sorted(row["index"] for row in rows) == on.tolist(), name
        for row in rows:
            assert abs(row["score"] - found["probabilities"][0, row["index"]]) < 1e-6
        count += len(on)
    assert 0 < count < 48


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["mediapipe:float32", "mediapipe:int8"])
def test_mediapipe_hears_what_the_file_hears(hearing, spec, tmp_path):
    """At the model's rate, so that nothing is resampled; one recording of three stretches and a bit."""
    path = written(hearing, spec, tmp_path).path
    runner = from_spec(spec).open(path, hearing.arch)
    long = np.concatenate([tone(300 + 200 * n, 8000, 0.25) for n in range(3)] + [burst(0, 8000, 0.1)])
    held = {f"{n}@8000": audio[:2000] for n, (audio, rate, _) in enumerate(sounds()) if rate == 8000}
    answers = mediapipe_answers("AudioClassifier", path, held | {"long@8000": long}, tmp_path)
    assert [ms for ms, _ in _rows(answers["long@8000"])] == [0, 250, 500, 750]
    for name, audio in (held | {"long@8000": long}).items():
        for number, (_, scores) in enumerate(_rows(answers[name])):
            part = audio[2000 * number :][:2000]
            expected = runner({"audio": part[None], "rate": np.int32([8000])})["probabilities"][0]
            for label, score in zip(hearing.classes, expected, strict=True):
                assert abs(scores[label] - score) < 1e-5, (name, number)


@pytest.mark.slow
def test_mediapipe_hears_the_labels_that_predict_gives(hearing_several, tmp_path):
    path = written(hearing_several, "mediapipe:float32", tmp_path).path
    runner, count = MediaPipe().open(path, hearing_several.arch), 0
    held = {f"{n}@8000": audio[:2000] for n, (audio, rate, _) in enumerate(sounds_of_several()) if rate == 8000}
    for name, rows in mediapipe_answers("AudioClassifier", path, held, tmp_path).items():
        found = runner({"audio": held[name][None], "rate": np.int32([8000])})
        ((_, scores),) = _rows(rows)
        on = [label for label, there in zip(hearing_several.classes, found["present"][0], strict=True) if there]
        assert sorted(scores) == sorted(on), name
        count += len(on)
    assert 0 < count < 2 * len(held)


@pytest.mark.slow
def test_mediapipe_resamples_tones_as_the_model_does(hearing, tmp_path):
    """By a filter of its own: scores were at most 1e-5 apart, of tones far below half of either rate."""
    path = written(hearing, "mediapipe:float32", tmp_path).path
    held = {f"{hz}@{rate}": tone(hz, rate, 0.25) for hz in (300, 700, 1500) for rate in (11_025, 16_000, 44_100)}
    answers, runner = mediapipe_answers("AudioClassifier", path, held, tmp_path), MediaPipe().open(path, hearing.arch)
    for name, audio in held.items():
        rate = np.int32([int(name.split("@")[1])])
        expected = runner({"audio": audio[None], "rate": rate})["probabilities"][0]
        ((_, scores), *_) = _rows(answers[name])
        for label, score in zip(hearing.classes, expected, strict=True):
            assert abs(scores[label] - score) < 1e-3, name


def _rows(answers):
    return [(row["ms"], row["scores"]) for row in answers]
