"""A client that knows only contract.json, in numpy and Pillow: written from the contract's words alone.

Neither TensorFlow nor any of the code that trained or exported a model has a part in it, so it can tell when that code
is wrong; and that it predicts as `kerasvision predict` does is the proof that the contract says enough. `infer` below
is the file's runtime, {input: array} -> {output: array}.

    contract = json.loads(pathlib.Path("contract.json").read_text())
    prediction = predict(contract, contract["artifacts"][0], infer, encoded=pathlib.Path("photo.jpg").read_bytes())
"""

from kerasvision.edge.independent.masks import paste
from kerasvision.edge.independent.pictures import decode, decode_present
from kerasvision.edge.independent.predicting import NotDescribedError, predict, prepare, restore

__all__ = ["NotDescribedError", "decode", "decode_present", "paste", "predict", "prepare", "restore"]
