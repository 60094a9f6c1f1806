"""What it costs where a client shrinks and enlarges pictures in another way than the contract says.

Windows, letterboxes and places stay as they must; only the pixels are those of another library's resampling.
"""

import importlib
import json

import numpy as np
from PIL import Image

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import write_text
from kerasvision.data.pipeline import raw_examples, splits_of
from kerasvision.edge.contracts import SUM, contract_sum
from kerasvision.edge.independent.fitting import FITS, fit
from kerasvision.edge.independent.resampling import area, nearest, to_bytes
from kerasvision.export.contract import read_contract
from kerasvision.export.identity import row_of
from kerasvision.export.verdict import change_of, require_finite, units_of
from kerasvision.inference.evaluation import evaluator_of, gallery_of, show_gallery
from kerasvision.inference.folds import fold_metrics

CLIENTS = ("pillow", "opencv", "area", "nearest")


def resizing(model, split, clients):
    """{"metric", "split", "examples", "value", "clients": {name: {"value", "change", "interval", "flips"}}}.

    model: an `api.Model` of a file that takes prepared pictures and knows its data. clients: of CLIENTS. A change is
    minus the model's own way; flips: decisions that differ. Raises UsageError of what does not resize pictures.
    """
    unknown = [name for name in clients if name not in CLIENTS]
    if unknown:
        raise UsageError(f"--resample {unknown[0]}; allowed: {', '.join(CLIENTS)}")
    rules = model.arch.preprocessing()
    if not model.runner.takes_prepared:
        raise UsageError("--resample is for a file that takes pictures of its own size: a .tflite or an .onnx")
    if rules.get("resize") not in FITS or rules["resize"] == "windows" or len(model.arch.serving_inputs()) != 1:
        raise UsageError(f"--resample: {model.arch.registered_name} does not resize one picture")
    splits = splits_of(model.recipe, split)
    ways = {name: scaling(name, rules["resample"]) for name in clients}
    judges = {name: evaluator_of(model.arch, model.classes, splits[split]) for name in ("own", *clients)}
    show_gallery(model, list(judges.values()), gallery_of(judges["own"], splits, split), model.arch)
    flips, size = dict.fromkeys(clients, 0), 0
    for inputs, ground_truth, names in raw_examples(splits[split], model.arch):
        own = model(inputs)
        judges["own"].update(own, ground_truth)
        for name, scaled in ways.items():
            prediction = _through(model, inputs, rules, scaled)
            judges[name].update(prediction, ground_truth)
            flips[name] += int(np.sum(model.arch.compare(own, prediction)[1]))
        size += len(names)
    return _figures(model, judges, flips, split, size)


def _through(model, inputs, rules, scaled):
    """The prediction for serving inputs whose pictures are scaled in another way."""
    ((key, pictures),) = inputs.items()
    fitted, places = zip(*(fit(picture, rules, scaled) for picture in pictures), strict=True)
    geometry = {k: np.stack([place[k] for place in places]) for k in places[0]}
    return model.arch.predict_through(model.runner.infer, {key: np.stack(fitted)}, geometry)


def _figures(model, judges, flips, split, size):
    metric, direction = model.arch.chosen_by(model.recipe.metric, model.classes)
    held = {name: (judge.result(), fold_metrics(judge, metric, size)) for name, judge in judges.items()}
    for name, (metrics, _) in held.items():
        require_finite(metrics, metric, name)
    own, own_folds = held.pop("own")
    rows = {}
    for name, (metrics, folds) in held.items():
        units = size if flips[name] else units_of(judges[name], metric, size)
        change = change_of(metric, direction, metrics[metric], own[metric], folds, own_folds, flips[name], units)
        rows[name] = {
            "value": metrics[metric],
            "change": change["metric_change"],
            "interval": change["metric_change_interval"],
            "flips": flips[name],
        }
    return {"metric": metric, "split": split, "examples": size, "value": own[metric], "clients": rows}


def scaling(name, method):
    """A function (uint8 [H, W, C], (h, w)) -> uint8 [h, w, C] as a client of that name does it. method: what the
    contract asks for. Raises UsageError where its library is not installed.
    """
    if name == "pillow":  # which averages whatever shrinks, by any of its filters but the nearest
        filters = {"bilinear": "BILINEAR", "bicubic": "BICUBIC", "nearest": "NEAREST", "area": "BOX"}
        chosen = Image.Resampling[filters[method]]
        return lambda part, size: np.asarray(Image.fromarray(part).resize((int(size[1]), int(size[0])), chosen))
    if name == "opencv":
        try:
            cv2 = importlib.import_module("cv2")
        except ImportError:
            raise UsageError("--resample opencv needs OpenCV: pip install opencv-python-headless") from None
        chosen = {"bilinear": "LINEAR", "bicubic": "CUBIC", "nearest": "NEAREST", "area": "AREA"}[method]
        flag = getattr(cv2, f"INTER_{chosen}")
        return lambda part, size: cv2.resize(part, (int(size[1]), int(size[0])), interpolation=flag)
    plain = {"area": area, "nearest": nearest}[name]
    return lambda part, size: to_bytes(plain(part, tuple(int(side) for side in size)))


def note(path, found):
    """Write what `resizing` found of a file into its row of the contract.json beside it, with a new sum."""
    contract, place = read_contract(path), path.parent / "contract.json"
    row_of(path, contract)["resizing"] = found
    contract = {key: value for key, value in contract.items() if key != SUM}
    try:
        write_text(place, json.dumps(contract | {SUM: contract_sum(contract)}, indent=2) + "\n")
    except OSError as error:
        raise KerasVisionError(f"{place} cannot be written: {error.strerror}") from None
