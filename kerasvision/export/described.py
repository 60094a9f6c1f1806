"""What contract.json says of an architecture and of each file: what it takes, what it gives, and what is left to do."""

from kerasvision.export.heat import HEAT, UNIT

DETECTIONS = ("location", "category", "score", "count")  # what TensorFlow Lite's own operator gives of a detector
UNITS = {
    "location": "part of the prepared image's height or width; top, left, bottom, right",
    "category": "class index",
    "score": "probability",
    "count": "detections",
}


def architecture(arch):
    """The parts of a contract that follow from the architecture alone: those of its SavedModel, and `preprocess`."""
    return {
        "inputs": {k: _tensor(i.spec) | _how(i) for k, i in arch.serving_inputs().items()},
        "prepared_inputs": {k: _tensor(s, _byte(arch)) for k, s in arch.prepared_inputs().items()},
        "outputs": {k: {"dtype": g.dtype, "shape": [None, *g.shape], "unit": g.unit} for k, g in arch.outputs.items()},
        "preprocess": arch.preprocessing(),
    }


PIXEL, UTF8 = "pixel 0..255", "byte of UTF-8"  # what uint8 is


def _byte(arch):
    return UTF8 if arch.preprocessing().get("kind") == "text" else PIXEL


def _tensor(spec, byte=PIXEL):
    return {"dtype": spec.dtype.name, "shape": spec.shape.as_list(), "unit": _unit(spec.dtype.name, byte)}


def resources(arch):
    """`resources` of a contract: what the model looks words up in; {} of an architecture without."""
    held = {
        name: {"path": f"assets/{name}.txt", "words": len(r.words), "unknown": r.unknown}
        for name, r in arch.resources().items()
    }
    return {"resources": held} if held else {}


def _how(held):
    return {"kind": held.kind} | ({"read_with": held.read_with} if held.read_with else {})


def _unit(dtype, byte=PIXEL):
    return byte if dtype == "uint8" else dtype


def file(arch, signature):
    """`takes`, `inputs`, `outputs`, `restore` and maybe `paste` of one file's row. signature: what the file itself says
    (`Exporter.signature`).

    takes: "original", what a user sends, or "prepared", what `preprocess` makes of it. A file that takes the original
    gives the prediction; of another, `restore` says what makes the prediction of its answer.
    """
    takes, gives, restore = _kind(arch, signature)
    pixels = {k for k, spec in (arch.serving_specs() | arch.prepared_inputs()).items() if spec.dtype == "uint8"}
    inputs = {
        k: row | {"unit": _byte(arch) if k in pixels else _unit(row["dtype"])} for k, row in signature["inputs"].items()
    }
    outputs = {k: row | {"unit": gives.get(k, "not described")} for k, row in signature["outputs"].items()}
    held = {"takes": takes, "inputs": inputs, "outputs": outputs, "restore": restore}
    return held | ({"paste": arch.pasting()} if arch.pasting() else {})


def _kind(arch, signature):
    """(takes, {output: unit}, restore). A file is known by its own signature, whoever wrote it."""
    sent = {k: spec.shape.as_list() for k, spec in arch.serving_specs().items()}
    taken = {k: row["shape"] for k, row in signature["inputs"].items()}
    alone = {k: [1, *sides[1:]] for k, sides in sent.items()}
    if taken == sent or (taken == alone and any(None in sides for sides in alone.values())):
        return "original", {k: g.unit for k, g in arch.outputs.items()}, {"rule": "none"}
    if not taken.keys() & arch.prepared_inputs().keys():  # numbers of what somebody else's tokenizer cuts
        is_decided = "present" in arch.outputs and set(signature["outputs"]) == {"probabilities"}
        units = {k: g.unit for k, g in arch.file_outputs().items()}
        return "prepared", units, arch.deciding() if is_decided else {"rule": "other"}
    restore = arch.restoring()
    if restore["rule"] == "boxes" and set(signature["outputs"]) == set(DETECTIONS):
        keys = dict(zip(("boxes_xyxy", "labels", "scores", "count"), DETECTIONS, strict=True))
        return "prepared", UNITS, restore | {"keys": keys, "format": "tlbr_shares"}
    units = {k: g.unit for k, g in arch.file_outputs().items()} | {HEAT: UNIT}
    if "present" in arch.outputs and set(signature["outputs"]) == {"probabilities"}:
        restore = arch.deciding()
    return "prepared", units, restore


def signature(row):
    """The signature of a file (as `Exporter.signature`) that its row of `artifacts` states: the reverse of `file`."""
    return {
        part: {k: {name: v for name, v in held.items() if name != "unit"} for k, held in row[part].items()}
        for part in ("inputs", "outputs")
    }
