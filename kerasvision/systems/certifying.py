"""What smoothing proves of a classifier on a split: the share that is right within each radius."""

import json
import pathlib

import numpy as np

from kerasvision.core.component import to_json
from kerasvision.core.errors import UsageError
from kerasvision.core.files import write_text
from kerasvision.data.pipeline import raw_examples, splits_of, thinned
from kerasvision.systems.base import Session, load_state, save_state

FILE, STATE = "certificate.json", "certified.npz"
_KEPT_EVERY, _KNOWN_BY = 10, 4  # pictures
_SAME = 1e-3  # of a probability
UNKNOWN = ("trained model", "")


def certified(model, system, split="test", examples=None, folder=None, progress=lambda *_: None, known=UNKNOWN):
    """The document {name, model, sha256, split, smoothed, examples, clean, right, abstains, radii: {radius: share},
    median}.

    model: what `kerasvision.load` gives, of one label a picture. system: a `Smoothed`. examples: at most so many,
    spread evenly over the split. folder: where certificate.json is written and what is done is kept, so that the same
    call goes on after an interruption; None: nowhere. progress: called with (task, done, total).
    known: what trust.json calls the model, and the sha256 of its weights or its file, by which `trust` knows it again.

    clean: accuracy of the model without noise; right: of the smoothed one; abstains: its share without an answer;
    radii: share that is right and proven within each radius, by L2, pixels counted 0..1; median: of the proven radii.
    Pictures are of the graph's size.
    """
    check(model)
    kind, sha256 = known
    pictures = _Pictures(model, split, examples, sha256)
    session, rows, done = Session(system, {"classifier": model}), pictures.rows(), 0
    state = pathlib.Path(folder) / STATE if folder else None
    if state is not None and state.exists():
        done = _go_on(session, rows, state, pictures)
    for number, (image, label) in enumerate(pictures):
        if number < done:
            continue
        answer = session.step({"image": image})
        rows["true"][number], rows["label"][number] = label, answer["label"]
        rows["radius"][number] = answer["radius"]
        rows["clean"][number] = np.asarray(model({"image": image[None]})["probabilities"])[0].argmax()
        done = number + 1
        if state is not None and (done % _KEPT_EVERY == 0 or done == pictures.size):
            save_state(state, system, session.state | rows, pictures.about | {"done": done})
        progress("images", done, pictures.size)
    found = document(rows, system) | {"name": model.recipe.name, "model": kind, "sha256": sha256, "split": split}
    if folder:
        write_text(pathlib.Path(folder) / FILE, json.dumps(found, indent=2) + "\n")
    return found


def check(model):
    """UsageError where a model gives no one label for a picture of a fixed size, or has no data of its own."""
    arch = model.arch
    if list(arch.serving_inputs()) != ["image"] or list(arch.class_logits.values()) != ["softmax"]:
        raise UsageError(f"{arch.registered_name} gives no one label for a picture; smoothing proves labels alone")
    if "probabilities" not in arch.outputs:
        raise UsageError(f"{arch.registered_name} labels pixels, and smoothing proves labels of pictures alone")
    if arch.resize == "center_crop":
        raise UsageError("center_crop would cut the noisy picture again; certified are models of resize=stretch")
    if model.recipe is None:
        raise UsageError("a pretrained model has no data of its own to be certified on; train or export it first")


def document(rows, system):
    """The figures of `certified`. rows: true, label, clean int [N], radius float [N]."""
    right = rows["label"] == rows["true"]
    proven = np.where(right, rows["radius"], 0.0)
    radii = [round(float(share * system.most), 4) for share in (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875)]
    return {
        "smoothed": to_json(system),
        "examples": len(right),
        "clean": float((rows["clean"] == rows["true"]).mean()),
        "right": float(right.mean()),
        "abstains": float((rows["label"] < 0).mean()),
        "radii": {str(radius): float((proven >= radius).mean()) for radius in radii},
        "median": float(np.median(proven)),
    }


class _Pictures:
    """Pairs (uint8 [h, w, 3] of the graph's size, label) of a split, in order. about: what they and the model that is
    asked about them are, as JSON.
    """

    def __init__(self, model, split, examples, sha256):
        self._model, data = model, splits_of(model.recipe, split)[split]
        self._data = thinned(data, examples) if examples else data
        self.size, self.about = self._data.size, {"split": split, "examples": examples, "sha256": sha256}

    def __iter__(self):
        arch = self._model.arch
        for inputs, ground_truth, _ in raw_examples(self._data, arch):
            prepared = np.asarray(arch.geometry(inputs)[0]["image"])
            yield from zip(prepared, np.asarray(ground_truth["label"]), strict=True)

    def rows(self):
        """What is kept of each, and what the model says of the first few, by which it is known again."""
        first = np.stack([image for (image, _), _ in zip(self, range(_KNOWN_BY), strict=False)])
        numbers = {key: np.zeros(self.size, np.int64) for key in ("true", "label", "clean")}
        known = np.asarray(self._model({"image": first})["probabilities"])
        return numbers | {"radius": np.zeros(self.size), "known": known}


def _go_on(session, rows, file, pictures):
    """Fill in what the file holds; gives how many pictures that are."""
    held, beside = load_state(file, session.system)
    done = beside.pop("done")
    asked = {key: held.pop(key) for key in rows}
    same = asked["known"].shape == rows["known"].shape and np.abs(asked["known"] - rows["known"]).max() < _SAME
    if beside != pictures.about or not same:
        raise UsageError(f"{file} is of another model or other examples; give the same ones, or another --out")
    session.state = held
    rows.update({key: asked[key] for key in rows if key != "known"})
    return done
