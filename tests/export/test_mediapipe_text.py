"""MediaPipe's files of texts: which pieces they list, what the certificate says of the others, and MediaPipe itself."""

import dataclasses
import json
import unicodedata
import zipfile

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from flatbuffers.number_types import Int8Flags, Uint8Flags

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create, sources
from kerasvision.export import metadata as md
from kerasvision.export.base import Job, from_spec
from kerasvision.export.certificate import export
from kerasvision.export.spellings import MOST_WORDS, PAD, UNKNOWN, Spellings, separators, spellings_of
from kerasvision.export.targets._mediapipe_text import TextRunner, classifier, embedder_path, lines_of
from kerasvision.export.targets.mediapipe import task_of
from tests.contract.cases import CASES, CaseSamples
from tests.contract.text_cases import LINES
from tests.export.mediapipe_python import mediapipe_answers
from tests.export.metadata_reader import metadata_of
from tests.export.traced import untrained

NAME, SEVERAL = "text_classification/classifier", "text_classification/multi_label"
SEEN = [line for line, _ in LINES]
UNSEEN = ["der rastet", "Der Rastet.", "BETTER than ugly", "is never, is!", "ist\ttief:\u00a0nie (ist)"]


@pytest.fixture(scope="module", autouse=True)
def cases():
    sources.register("contract_case")(CaseSamples)
    yield
    sources._parts.pop("contract_case")


@pytest.fixture(scope="module")
def reading():
    return untrained(NAME)


@pytest.fixture(scope="module")
def artifact(reading, tmp_path_factory):
    (held,), _ = export(reading, [from_spec("mediapipe")], tmp_path_factory.mktemp("texts"), verbose=False)
    return held


def sample(*lines):
    return {"text": np.array([line.encode() for line in lines], object)}


def ids(arch, line):
    """The model's own, of a text."""
    prepared = arch.geometry({"text": tf.constant([line.encode()])})[0]
    return arch.rules.vocabulary_ids(arch.rules.words_of(prepared["text_bytes"])).numpy()[0]


def test_it_is_cut_at_what_is_no_word_here():
    """Unicode's separators and control characters, whatever Python's own tables call white space."""
    expected = [p for p in range(0x800) if unicodedata.category(chr(p))[0] in "ZC"]
    assert separators() == expected and {0x20, 0x09, 0x0A, 0xA0} <= set(expected)


def test_the_table_and_the_file_make_the_models_own_ids(reading):
    arch = reading.arch
    held = spellings_of(arch, [line.encode() for line in SEEN])
    assert held.rows[PAD] == 0 and held.rows[UNKNOWN] == 1 and held.table.shape[1] == MOST_WORDS
    assert {"Der", "der,", "Beautiful", "naß."} - set(held.rows) == {"Beautiful"}, "one unknown word needs no line"
    for line in [*SEEN, "der Der never, is!"]:
        found = held.ids(tf.constant(held.tokens(line)[None])).numpy()[0]
        np.testing.assert_array_equal(found, ids(arch, line), err_msg=line)
    many = held.ids(tf.constant(held.tokens("is " * 20)[None])).numpy()[0]
    assert (many == many[0]).all() and many[0] > 1 and len(many) == arch.words
    assert not held.ids(tf.constant(held.tokens("")[None])).numpy().any()
    upper = held.ids(tf.constant(held.tokens("DER")[None])).numpy()[0]
    assert upper[0] == 1 and ids(arch, "DER")[0] > 1, "nobody has seen it spelled so"


def test_rows_are_put_together_without_what_is_empty():
    held = Spellings({}, np.int32([[0, 0], [1, 0], [7, 8], [9, 0]]), 4)
    for tokens, expected in (([3, 2, 3, 0], [9, 7, 8, 9]), ([2, 2, 2, 2], [7, 8, 7, 8]), ([0, 0, 0, 0], [0] * 4)):
        held_table = Spellings({}, np.pad(held.table, [[0, 0], [0, MOST_WORDS - 2]]), 4)
        np.testing.assert_array_equal(held_table.ids(tf.constant([tokens])).numpy()[0], expected)


def test_what_the_certificate_says_and_the_file_has_inside(reading, artifact):
    assert artifact.verdict != "FAIL" and list(artifact.signature["outputs"]) == ["probabilities"]
    assert artifact.signature["inputs"] == {"tokens": {"dtype": "int32", "shape": [1, reading.arch.words]}}
    (note,) = [line for line in artifact.notes if "MediaPipe's tokenizer" in line]
    assert note.startswith("0 of ") and "texts have other ids by MediaPipe's tokenizer" in note
    said = metadata_of(artifact.path)[1]
    (taken,) = said.rows(md.SUBGRAPH_INPUTS)
    (unit,) = taken.rows(md.TENSOR_UNITS)
    assert unit.number(md.UNIT_TYPE, Uint8Flags) == md.REGEX_TOKENIZER
    rule = unit.inside(md.UNIT)
    assert rule.text(md.REGEX_PATTERN).startswith("[\\x{0}-\\x{20}")
    (file,) = rule.rows(md.REGEX_VOCABULARY)
    assert (file.text(md.FILE_NAME), file.number(md.FILE_TYPE, Int8Flags)) == ("vocab.txt", md.VOCABULARY)
    for path, names in ((artifact.path, ["labels.txt", "vocab.txt"]), (embedder_path(artifact.path), ["vocab.txt"])):
        with zipfile.ZipFile(path) as inside:
            assert inside.namelist() == names
            assert all(row.compress_type == zipfile.ZIP_STORED for row in inside.infolist())
            lines = inside.read("vocab.txt").decode().split("\n")
    assert all(len(line.split(" ")) == 2 for line in lines) and lines[:2] == ["<PAD> 0", "<UNKNOWN> 1"]


def test_answers_and_vectors_are_the_trained_models_where_all_is_listed(reading, artifact):
    runner, served = TextRunner(artifact.path, reading.arch), reading.served()
    vectors = TextRunner(embedder_path(artifact.path), reading.arch)
    inner = keras.Model(reading.graph.input, reading.arch.embedding(reading.graph))
    for line in SEEN:
        given = sample(line)
        expected = served.serve({"text": tf.constant(given["text"])})["probabilities"]
        np.testing.assert_allclose(runner(given)["probabilities"], expected, atol=1e-5)
        prepared, _ = reading.arch.geometry({"text": tf.constant(given["text"])})
        wanted = inner(reading.arch.normalize(prepared), training=False).numpy()
        found = vectors.answered([line])["embedding"]
        np.testing.assert_allclose(found, wanted / np.linalg.norm(wanted), atol=1e-5)
    assert not runner.unlike(sample(*SEEN)).any()
    long = "is " * 30  # of 40 bytes 13 words are seen, of which the model takes 8, and of the pieces as many
    told = runner.unlike(sample(*UNSEEN, long)).tolist()
    assert told == [False, True, True, False, True, False]
    assert lines_of({"text_bytes": np.frombuffer("naß\0\0".encode(), np.uint8)[None]}) == ["naß"]


@pytest.mark.nightly
def test_several_labels_have_their_thresholds(tmp_path):
    trained = untrained(SEVERAL, thresholds=(0.4, 0.5, 0.6))
    exporter = from_spec("mediapipe:int8")
    texts = tuple(line.encode() for line in SEEN)
    held = [trained.arch.geometry({"text": tf.constant([line])})[0]["text_bytes"].numpy() for line in texts]
    calibration = tuple({"text_bytes": row} for row in held)
    job = Job(trained.served(), "texts", 1, tmp_path, calibration, (sample(SEEN[0]),), texts=texts)
    path = exporter.write(job)
    (scores,) = metadata_of(path)[1].rows(md.SUBGRAPH_OUTPUTS)
    assert [f.text(md.FILE_NAME) for f in scores.rows(md.TENSOR_FILES)] == ["labels.txt", "score_calibration.txt"]
    found = exporter.open(path, trained.arch)(sample(*SEEN))
    expected = trained.served().serve({"text": tf.constant(texts)})
    np.testing.assert_allclose(found["probabilities"], expected["probabilities"], atol=0.1)
    np.testing.assert_array_equal(found["present"], found["probabilities"] >= np.float32([0.4, 0.5, 0.6]))


@pytest.mark.parametrize(
    "fields",
    [{"encoder": create("text_encoders/fast", size=4, buckets=16)}, {"encoder": create("text_encoders/char_cnn")}],
)
def test_what_sees_no_words_is_one_line(fields):
    with pytest.raises(KerasVisionError, match="looks words up, and this text_classification/classifier sees hashed"):
        task_of(dataclasses.replace(CASES[NAME].make(), **fields))


@pytest.mark.slow
def test_mediapipe_answers_as_the_file_does(reading, artifact, tmp_path):
    """Known texts as `predict`, and the others as the runner that the certificate was made with."""
    texts = {str(n): np.frombuffer(line.encode(), np.uint8) for n, line in enumerate([*SEEN, *UNSEEN])}
    runner = TextRunner(artifact.path, reading.arch)
    answers = mediapipe_answers("TextClassifier", artifact.path, texts, tmp_path)
    vectors = mediapipe_answers("TextEmbedder", embedder_path(artifact.path), texts, tmp_path)
    embeds = TextRunner(embedder_path(artifact.path), reading.arch)
    for name, line in enumerate([*SEEN, *UNSEEN]):
        expected = runner(sample(line))["probabilities"][0]
        found = [answers[str(name)][label] for label in reading.classes]
        np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=line)
        np.testing.assert_allclose(vectors[str(name)], embeds.answered([line])["embedding"][0], atol=1e-5)


def test_the_contract_says_what_a_client_would_owe(artifact):
    contract = json.loads((artifact.path.parent / "contract.json").read_text())
    (row,) = contract["artifacts"]
    assert row["takes"] == "prepared" and row["inputs"]["tokens"]["dtype"] == "int32"
    assert row["restore"] == {"rule": "other"}, "who cuts a text like MediaPipe is left with it"


@pytest.mark.parametrize("encoder", ["gru", "transformer"])
def test_other_encoders_that_look_words_up_have_files(encoder, tmp_path):
    part = create(f"text_encoders/{encoder}", size=8, dropout=0.0, **({"heads": 2} if encoder == "transformer" else {}))
    trained = untrained(NAME, encoder=part)
    served, lines = trained.served(), np.array([line.encode() for line in SEEN], object)
    function = classifier(served, spellings := spellings_of(trained.arch, list(lines)))
    expected = served.serve({"text": tf.constant(lines)})["probabilities"]
    for line, wanted in zip(SEEN, expected, strict=True):
        found = function({"tokens": tf.constant(spellings.tokens(line)[None])})["probabilities"][0]
        np.testing.assert_allclose(found, wanted, atol=1e-5, err_msg=line)
    assert task_of(trained.arch) == task_of(CASES[NAME].make())
