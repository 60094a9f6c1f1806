"""A client that has a file, its contract and a runtime, and no code of this project but the independent one."""

import io
import json

import numpy as np
import tensorflow as tf
from PIL import Image

from kerasvision.edge.independent import paste, predict


def asker(path):
    """{input: array} -> {output: array} through the file's own runtime."""
    if path.is_dir():
        model = tf.saved_model.load(str(path))
        ask = model.signatures["serving_default"]
        return lambda feed, model=model: {
            k: v.numpy() for k, v in ask(**{k: tf.constant(v) for k, v in feed.items()}).items()
        }
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        names = [o.name for o in session.get_outputs()]
        return lambda feed: dict(zip(names, session.run(None, feed), strict=True))
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))  # which the runner does not keep alive
    run = interpreter.get_signature_runner("serving_default")
    return lambda feed: interpreter and run(**feed)


def example_of(sample):
    """What a user has of a sample: a picture, transparent where pixels are missing, a text, a sound or a volume."""
    if "senses" in sample:
        picture = example_of({"image": sample["image"]})["encoded"]
        text = sample["text"].item()
        return {"several": {"image": picture, "text": text, "numbers": sample["numbers"], "senses": sample["senses"]}}
    if {"image", "text"} <= set(sample):
        picture = example_of({"image": sample["image"]})["encoded"]
        return {"several": {"image": picture, "text": sample["text"].item()}}
    if "text" in sample:
        return {"text": sample["text"].item()}
    if "audio" in sample:
        return {"audio": sample["audio"], "rate": sample["rate"]}
    if "volume" in sample:
        return {"volume": sample["volume"], "spacing_mm": sample["spacing_mm"]}
    pixels, packed = sample["image"], io.BytesIO()
    if "present" in sample:
        pixels = np.dstack([pixels, 255 * sample["present"]])
    Image.fromarray(pixels).save(packed, "PNG")
    return {"encoded": packed.getvalue()}


def contract_of(path):
    """(the contract as read, the row of the file)."""
    place = path / "assets.extra" / "contract.json" if path.is_dir() else path.parent / "contract.json"
    contract = json.loads(place.read_text(encoding="utf-8"))
    name = "." if path.is_dir() else path.name
    return contract, next(row for row in contract["artifacts"] if row["path"] == name)


def answer(path, ask, sample):
    """The prediction of one sample, without batch axis."""
    contract, row = contract_of(path)
    return predict(contract, row, ask, **example_of(sample)), row


def check_equal(mine, theirs, row):
    """Boxes within 0.1 px, masks in 99.9 % of their pixels, everything else but for rounding."""
    assert set(mine) == set(theirs)
    for key, value in theirs.items():
        assert mine[key].shape == value.shape, key
        if key == "mask":
            assert (mine[key] == value).mean() >= 0.999
        elif key == "boxes_xyxy":
            np.testing.assert_allclose(mine[key], value, atol=0.1)
        elif key == "confidence":
            same = mine["mask"] == theirs["mask"]
            np.testing.assert_allclose(mine[key][same], value[same], atol=1e-3)
        elif key != "masks":
            np.testing.assert_allclose(mine[key], value, rtol=1e-4, atol=1e-4, err_msg=key)
    if "masks" in theirs:
        pasted = [
            paste(p["masks"][: p["count"]], p["boxes_xyxy"][: p["count"]], p["image_hw"], row["paste"]["threshold"])
            for p in (mine, theirs)
        ]
        assert pasted[0].size == 0 or (pasted[0] == pasted[1]).mean() >= 0.999
