"""From one picture, volume, sound or text to a prediction in its own pixels, by a contract and a runtime. numpy."""

import numpy as np

from kerasvision.edge.independent import pictures
from kerasvision.edge.independent.fitting import fit, fit_present, fit_volume
from kerasvision.edge.independent.masks import enlarged, recut
from kerasvision.edge.independent.resampling import resize_volume
from kerasvision.edge.independent.sounds import fit_sound
from kerasvision.edge.independent.windows import blended, mirrored

VERSION = 1  # of `preprocess`


class NotDescribedError(ValueError):
    """Raised where a contract leaves open what a client would have to know."""


def prepare(
    rules, encoded=None, volume=None, spacing_mm=None, text=None, several=None, pixels=None, audio=None, rate=None
):
    """`preprocess` of a contract and one example -> (inputs of a file that takes prepared ones, geometry).

    encoded: bytes of a picture; or pixels: uint8 [H, W, 3], decoded already; or volume: float32 [D, H, W, C]
    with spacing_mm [3]; or audio: float32 [N] with rate, samples a second; or text: its bytes; or several: of a model
    of several senses {sense: bytes of a picture, bytes of a text, or numbers}, and its flags, where it has them. Inputs
    have no batch axis; where `resize` is "windows" they are larger than a file takes.
    """
    _check(rules)
    needed = {"several": several, "text": text, "audio": audio, "volume": volume}
    if needed.get(rules["kind"], ()) is None:
        raise NotDescribedError(f"it takes an input of kind {rules['kind']!r}, and was given none")
    if rules["kind"] == "several":
        return _prepare_several(rules, several)
    if rules["kind"] == "text":
        length = rules["length_bytes"]
        whole = text[:length].decode("utf-8", "ignore").encode()  # without the part of a character at its end
        return {"text_bytes": np.frombuffer(whole.ljust(length, b"\0"), np.uint8)}, {}
    if rules["kind"] == "audio":
        return {"audio": fit_sound(audio, rate, rules)}, {}
    if rules["kind"] == "volume":
        fitted, geometry = fit_volume(volume, spacing_mm, rules)
        return {"volume": fitted}, geometry
    if "present" in rules:
        image, present = pictures.decode_present(encoded, rules["exif_orientation"])
        fitted, geometry = fit(image, rules)
        return {"image": fitted, "present": fit_present(present, rules)} | _constants(rules), geometry
    image = pictures.decode(encoded, rules["exif_orientation"]) if pixels is None else pixels
    fitted, geometry = fit(image, rules)
    return {"image": fitted} | _constants(rules), geometry


def _prepare_several(rules, given):
    prepared, geometry = {}, {}
    if "flags" in rules:
        prepared = {rules["flags"]: (np.asarray(given[rules["flags"]]) > 0).astype(np.uint8)}
    for sense in rules["senses"]:
        if sense == "image":
            found, geometry = prepare(rules[sense], encoded=given[sense])
        elif sense == "text":
            found, _ = prepare(rules[sense], text=given[sense])
        else:
            found = _standardized(np.float32(given[sense]), rules[sense])
        prepared |= found
    return prepared, geometry


def _standardized(numbers, rule):
    """Numbers less their center in parts of their scale, at most `clip` away, 0 for NaN; and which are there."""
    known = np.isfinite(numbers)
    away = (np.where(known, numbers, 0) - np.float32(rule["center"])) / np.float32(rule["scale"])
    standard = np.clip(np.where(known, away, 0), -rule["clip"], rule["clip"])
    return {"numbers": standard.astype(np.float32), "known": known.astype(np.uint8)}


def _check(rules):
    if rules.get("version") != VERSION or rules.get("kind") not in ("image", "volume", "audio", "text", "several"):
        raise NotDescribedError(f"preprocess {rules.get('version')} of {rules.get('kind')!r} is not described")


def _constants(rules):
    held = rules.get("constant_inputs", {})
    return {key: np.full(row["shape"], row["value"], np.float32) for key, row in held.items()}


def predict(
    contract,
    row,
    infer,
    encoded=None,
    volume=None,
    spacing_mm=None,
    text=None,
    several=None,
    pixels=None,
    audio=None,
    rate=None,
):
    """The prediction of one example: {key: numpy array without batch axis}, in the pixels of the original.

    contract: of contract.json, a dict. row: one of its `artifacts`. infer: the file's runtime, a function {input: array
    [1, ...] of the file's own dtype} -> {output: array [1, ...]}. encoded, volume, spacing_mm, text, several, pixels,
    audio, rate: as in `prepare`. Raises NotDescribedError.
    """
    rules = contract["preprocess"]
    if row["takes"] == "original":
        _check(rules)
        sent = _batch(_original(rules, encoded, volume, spacing_mm, text, several, pixels, audio, rate))
        return {key: value[0] for key, value in infer(sent).items()}
    inputs, geometry = prepare(rules, encoded, volume, spacing_mm, text, several, pixels, audio, rate)
    if "windows" not in rules and "mirrored_axes" not in rules:
        return restore(row, _inferred(row, infer, inputs), geometry)
    ((key, values),) = inputs.items()
    name, least, stated = row["restore"]["probabilities"], row["restore"].get("may_be_from"), {}

    def once(part):
        answer = _inferred(row, infer, {key: part})
        stated.update({least: answer[least]} if least else {})
        return answer[name]

    def averaged(part):
        return mirrored(once, part, rules["mirrored_axes"]) if "mirrored_axes" in rules else once(part)

    found = blended(averaged, values, rules["windows"]) if "windows" in rules else averaged(values)
    return restore(row, {name: found} | stated, geometry)


def _original(
    rules, encoded, volume=None, spacing_mm=None, text=None, several=None, pixels=None, audio=None, rate=None
):
    if rules["kind"] == "several":
        own = {
            "image": lambda held: _original(rules["image"], held)["image"],
            "text": lambda held: np.array(held, object),
            "numbers": np.float32,
        }
        flags = {rules["flags"]: np.uint8(several[rules["flags"]])} if "flags" in rules else {}
        return {sense: own[sense](several[sense]) for sense in rules["senses"]} | flags
    if rules["kind"] == "text":
        return {"text": np.array(text, object)}
    if rules["kind"] == "audio":
        return {"audio": np.float32(audio), "rate": np.int32(rate)}
    if pixels is not None:
        return {"image": pixels}
    if rules["kind"] == "volume":
        return {"volume": np.float32(volume), "spacing_mm": np.float32(spacing_mm)}
    if "present" in rules:
        return dict(zip(("image", "present"), pictures.decode_present(encoded, rules["exif_orientation"]), strict=True))
    return {"image": pictures.decode(encoded, rules["exif_orientation"])}


def _batch(inputs):
    return {key: value[None] for key, value in inputs.items()}


def _inferred(row, infer, inputs):
    """What the file gives for inputs without batch axis, in its own dtypes; quantized integers become real numbers.
    Raises NotDescribedError of a file that takes something else.
    """
    if beyond := row["inputs"].keys() - inputs.keys():
        raise NotDescribedError(f"the file takes {', '.join(sorted(beyond))}, of which preprocess says nothing")
    feed = {key: typed(value, row["inputs"][key])[None] for key, value in inputs.items() if key in row["inputs"]}
    return {key: real(value[0], row["outputs"][key]) for key, value in infer(feed).items()}


def typed(value, tensor):
    """A real array in a file's own dtype. tensor: its row, with `quantization` where the file takes integers."""
    if "quantization" in tensor:
        scale, zero = tensor["quantization"]
        limits = np.iinfo(tensor["dtype"])
        value = np.clip(np.round(value / np.float32(scale)) + zero, limits.min, limits.max)
    return value.astype(tensor["dtype"])


def real(value, tensor):
    """What a file gave, as real numbers. tensor: its row, with `quantization` where they are integers."""
    if "quantization" not in tensor:
        return value
    scale, zero = tensor["quantization"]
    return (value.astype(np.float32) - zero) * np.float32(scale)


def restore(row, outputs, geometry):
    """What a file gave for a prepared input, real numbers without batch axis -> the prediction in original pixels, by
    the rule in `row["restore"]`. geometry: of `prepare`. Raises NotDescribedError of an unknown rule.
    """
    rule = row["restore"]["rule"]
    if rule not in RULES:
        raise NotDescribedError(f"restore rule {rule!r} is not described")
    return RULES[rule](row["restore"], outputs, geometry)


def _boxes(rule, outputs, geometry):
    """Boxes in original pixels, cut at its borders; rows beyond the count are 0, their label -1. What else the file
    gives stays as it is.
    """
    keys = rule["keys"]
    count = int(np.asarray(outputs[keys["count"]]).reshape(()))
    boxes, scores, labels = (np.array(outputs[keys[k]]) for k in ("boxes_xyxy", "scores", "labels"))
    if rule["format"] == "tlbr_shares":
        h, w = rule["size_hw"]
        boxes = np.clip(boxes[..., [1, 0, 3, 2]], 0, 1) * np.float32([w, h, w, h])
    scale, offset = np.tile(geometry["scale_xy"], 2), np.tile(geometry["offset_xy"], 2)
    whole = (boxes - offset) / scale
    h, w = geometry["image_hw"]
    cut = np.clip(whole, 0, np.float32([w, h, w, h]))
    real = np.arange(len(scores)) < count
    prediction = {
        "boxes_xyxy": np.where(real[:, None], cut, 0).astype(np.float32),
        "scores": np.where(real, scores, 0).astype(np.float32),
        "labels": np.where(real, labels, -1).astype(np.int32),
        "count": np.int32(count),
    }
    if "outer_xyxy" in keys:
        kept = np.int32(np.asarray(outputs[keys["outer_count"]]).reshape(()))
        wider = np.clip((np.array(outputs[keys["outer_xyxy"]]) - offset) / scale, 0, np.float32([w, h, w, h]))
        wider = np.where(np.arange(len(scores))[:, None] < kept, wider, 0).astype(np.float32)
        prediction |= {"outer_xyxy": wider, "outer_count": kept}
    if "masks" in keys:
        masks = recut(np.array(outputs[keys["masks"]]), whole, prediction["boxes_xyxy"], rule["least_side_px"])
        prediction |= {"masks": masks, "image_hw": geometry["image_hw"]}
    return {k: v for k, v in outputs.items() if k not in keys.values()} | prediction


def _quads(rule, outputs, geometry):
    """Corners in original pixels, not cut; rows beyond the count are 0."""
    quads, scores, count = (np.array(outputs[rule["keys"][k]]) for k in ("quads_xy", "scores", "count"))
    real = np.arange(len(scores)) < count
    original = (quads - geometry["offset_xy"]) / geometry["scale_xy"]
    return {
        "quads_xy": np.where(real[:, None, None], original, 0).astype(np.float32),
        "scores": np.where(real, scores, 0).astype(np.float32),
        "count": np.int32(count),
    }


def _class_map(rule, outputs, geometry):
    """The likeliest class of each position of the original, and its probability."""
    probabilities = outputs[rule["probabilities"]]
    if rule["enlarge"] == "bilinear":
        probabilities = enlarged(probabilities, geometry)
    elif "fitted_dhw" in geometry:
        probabilities = probabilities[tuple(slice(int(side)) for side in geometry["fitted_dhw"])]
        if rule["enlarge"] == "trilinear":
            probabilities = resize_volume(probabilities, geometry["volume_dhw"])
    else:
        h, w = geometry["image_hw"]
        probabilities = probabilities[:h, :w]
    found = {"mask": probabilities.argmax(-1).astype(np.uint8), "confidence": probabilities.max(-1)}
    if least := rule.get("may_be_from"):
        found |= {"may_be": (probabilities >= outputs[least]).astype(np.uint8), least: outputs[least]}
    return found


def _labels(rule, outputs, geometry):
    """Which classes are on: the likeliest, of equal ones the first, or those that reach their thresholds."""
    probabilities = outputs[rule["probabilities"]]
    if "top_k" in rule:
        present = np.zeros(probabilities.shape, np.int32)
        present[np.argsort(-probabilities, kind="stable")[: rule["top_k"]]] = 1
    else:
        present = (probabilities >= np.float32(rule["thresholds"])).astype(np.int32)
    return {"probabilities": probabilities, "present": present}


RULES = {
    "none": lambda rule, outputs, geometry: dict(outputs),
    "boxes": _boxes,
    "quads": _quads,
    "class_map": _class_map,
    "labels": _labels,
}
