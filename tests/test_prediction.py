"""A prediction is one object, whatever it was made of, and shows itself."""

import functools
import http.server
import io
import json
import threading

import numpy as np
import pytest
from PIL import Image

from kerasvision import api
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.data.volumes import read_labels, read_volume
from kerasvision.drawing.pictures import color_of
from kerasvision.inference.prediction import Prediction
from tests.contract.cases import CASES
from tests.data import drawn_volumes


@pytest.fixture(scope="module")
def model(digits_run):
    return api.load(digits_run.folder)


@pytest.fixture(scope="module")
def digit():
    from sklearn.datasets import load_digits

    gray = np.uint8(load_digits().images[3] * 15)
    return np.repeat(gray[..., None], 3, -1)


def png(pixels):
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return held.getvalue()


@pytest.fixture
def site(tmp_path, digit):
    """The address of a folder with the digit."""
    (tmp_path / "digit.png").write_bytes(png(digit))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_whatever_an_image_is_given_as_the_answer_is_the_same(model, digit, tmp_path, site):
    expected = {k: v[0] for k, v in model({"image": digit[None]}).items()}
    path = tmp_path / "digit.png"
    given = [path, str(path), png(digit), digit, Image.fromarray(digit), f"{site}/digit.png", {"image": path}]
    answers = model.predict(given)
    assert len(answers) == len(given)
    for answer in answers:
        np.testing.assert_array_equal(answer["probabilities"], expected["probabilities"])
        assert answer.to_json() == model.arch.describe(expected, model.classes) == api.predict(model, digit)
    assert answers[0].name == "digit.png" and answers[2].name == ""
    assert repr(answers[0]).startswith(f"<Prediction of digit.png: {answers[0].to_json()['top'][0]['label']} ")


def test_a_picture_of_one_channel_or_with_transparency_is_read_as_its_file_is(model, digit):
    clear = Image.fromarray(digit).convert("RGBA")
    clear.putalpha(Image.fromarray(np.uint8(np.indices(digit.shape[:2]).sum(0) % 2 * 255)))
    for picture in (clear, Image.fromarray(digit[..., 0])):
        held = io.BytesIO()
        picture.save(held, "PNG")
        np.testing.assert_array_equal(model.predict(picture).read, model.predict(held.getvalue()).read)


def test_what_cannot_be_fetched_or_read_is_one_line(model, site):
    with pytest.raises(KerasVisionError, match=r"nothing.png cannot be fetched: HTTP Error 404"):
        model.predict(f"{site}/nothing.png")
    with pytest.raises(KerasVisionError, match=r"classifier takes image; other is none of them|image is missing"):
        model.predict({"other": b""})
    with pytest.raises(KeyError, match="'mask'; this prediction has probabilities"):
        model.predict(np.zeros((8, 8, 3), np.uint8))["mask"]


def test_rows_words_and_files_of_a_class(model, digit, tmp_path):
    answer = model.predict(digit)
    best = answer.to_json()["top"][0]
    assert answer.to_rows()[0] == best and answer.in_words().startswith(f"{best['label']} {best['score']:.3f}")
    assert json.loads(answer.save(tmp_path / "a.json").read_text()) == answer.to_json()
    with Image.open(answer.save(tmp_path / "a.png")) as saved, Image.open(io.BytesIO(answer._repr_png_())) as shown:
        assert saved.size == shown.size == answer.plot().size
    with pytest.raises(UsageError, match=r"a\.bmp: a prediction of .*/classifier is written as \.json, \.png"):
        answer.save(tmp_path / "a.bmp")


def test_a_table_of_pandas(model, digit):
    pandas = pytest.importorskip("pandas")
    answer = model.predict(digit)
    pandas.testing.assert_frame_equal(answer.to_pandas(), pandas.DataFrame(answer.to_json()["top"]))


def test_a_mask_is_saved_as_its_ids_and_a_box_is_drawn_where_it_is(tmp_path, photographs):
    mask = np.zeros((40, 60), np.uint8)
    mask[5:9, 10:30] = 2
    arch = CASES["semantic_segmentation/unet"].make()
    answer = Prediction(arch, ("background", "a", "b"), {"mask": mask}, "a.png", photographs["coffee"][:40, :60])
    with Image.open(answer.save(tmp_path / "mask.png")) as saved:
        np.testing.assert_array_equal(np.asarray(saved), mask)
    assert answer.to_rows() == [{"label": "background", "pixels": 2320}, {"label": "b", "pixels": 80}]
    values = {
        "boxes_xyxy": np.float32([[300, 200, 500, 400]]), "scores": np.float32([0.9]), "labels": np.int32([1]),
        "count": np.int32(1),
    }  # fmt: skip
    detector = CASES["detection/retinanet"].make()
    found = Prediction(detector, ("bird", "coin"), values, "b.png", np.full((720, 960, 3), 120, np.uint8))
    row = {"label": "coin", "index": 1, "score": 0.9, "x0": 300, "y0": 200, "x1": 500, "y1": 400}
    (seen,) = found.to_rows()
    assert seen == row | {"score": pytest.approx(0.9)}
    assert (np.asarray(found.plot()) == color_of(1)).all(-1).sum() > 4 * 200  # the lines of its box


def test_a_mask_of_a_volume_goes_back_to_its_grid(tmp_path):
    path = tmp_path / "case.nii.gz"
    drawn_volumes.save(path, 1)
    volume = read_volume(path)
    mask = np.uint8(volume.array[..., 0] > volume.array.mean())
    answer = Prediction(CASES["volume_segmentation/unet3d"].make(), ("background", "a"), {"mask": mask}, "case", volume)
    assert answer.save(tmp_path / "mask.nii.gz").exists()
    np.testing.assert_array_equal(read_labels(tmp_path / "mask.nii.gz").array, mask)
