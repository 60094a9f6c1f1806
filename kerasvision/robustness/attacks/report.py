"""How many pictures of a split a classifier still calls right under an attack."""

import json
import pathlib

import numpy as np

from kerasvision.core.component import to_json
from kerasvision.core.errors import UsageError, close_matches
from kerasvision.core.files import write_text
from kerasvision.data.pipeline import raw_examples, splits_of, thinned


def attacked(model, recipe, classes, attack, split="test", examples=None, target="", progress=lambda *_: None):
    """(document, arrays) of an attack on a split.

    model: a `classifier.Classifier`. recipe: has the data. examples: at most so many, spread evenly over the split.
    target: the name of a class that every other picture shall be called. progress: called with (task, done, total).

    The document is {name, split, attack, target, examples, clean, robust, reached, moved}: accuracy before; the share
    that is right before and after the attack, in uint8; the share of those attacked that ended as the attack wanted;
    the median norm of the changes. Attacked are pictures that are called right, or towards a target those of another
    class. arrays: `images` uint8 [N, h, w, 3], `labels`, `before` and `after` [N], in the order of the split.
    """
    if target and target not in classes:
        raise UsageError(f"no class {target!r}; {close_matches(target, classes)}")
    wanted = list(classes).index(target) if target else None
    data = splits_of(recipe, split)[split]
    data = thinned(data, examples) if examples else data
    rows, seen = [], 0
    for inputs, ground_truth, _ in raw_examples(data, recipe.model):
        prepared = recipe.model.at_graph_size(recipe.model.geometry(inputs)[0])["image"]
        rows.append(_batch(model, attack, np.asarray(prepared), np.asarray(ground_truth["label"]), wanted, seen))
        seen += len(prepared)
        progress("images", seen, data.size)
    held = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
    head = {"name": recipe.name, "split": split, "attack": to_json(attack), "target": target}
    return head | _figures(held, wanted), held


def _batch(model, attack, pixels, labels, wanted, seed):
    """What comes of one batch; those that are not attacked stay as they are."""
    before = model.decided(pixels.astype(np.float32) / np.float32(255))
    chosen = before == labels if wanted is None else labels != wanted
    held = {"images": pixels.copy(), "labels": labels, "before": before, "after": before.copy(), "attacked": chosen}
    moved = np.full(len(labels), np.nan)
    if chosen.any():
        targets = None if wanted is None else np.full(int(chosen.sum()), wanted)
        found = attack.attack(model, pixels[chosen], labels[chosen], targets, seed)
        held["images"][chosen], held["after"][chosen], moved[chosen] = found.images, found.after, found.moved
    return held | {"moved": moved}


def _figures(held, wanted):
    labels, after, chosen = held["labels"], held["after"], held["attacked"]
    right = held["before"] == labels
    reached = (after != labels if wanted is None else after == wanted)[chosen]
    return {
        "examples": len(labels),
        "clean": float(right.mean()),
        "robust": float((right & (after == labels)).mean()),
        "reached": float(reached.mean()) if len(reached) else 0.0,
        "moved": float(np.median(held["moved"][chosen])) if len(reached) else 0.0,
    }


def write(document, arrays, folder):
    """Write attack.json and attacked.npz into a folder; returns the path of the first."""
    folder = pathlib.Path(folder)
    write_text(folder / "attack.json", json.dumps(document, indent=2) + "\n")
    np.savez_compressed(folder / "attacked.npz", **{k: arrays[k] for k in ("images", "labels", "before", "after")})
    return folder / "attack.json"
