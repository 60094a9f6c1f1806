"""How many pictures of a split a classifier still calls right under an attack."""

import functools
import json
import pathlib

import numpy as np

from kerasvision.core.component import to_json
from kerasvision.core.errors import UsageError, close_matches
from kerasvision.core.files import beside, write_text
from kerasvision.core.registry import create
from kerasvision.data.pipeline import raw_examples, splits_of, thinned
from kerasvision.robustness.attacks.base import Goal
from kerasvision.robustness.attacks.keeping import kept_or_made

_LEARNED_FROM, _QUERIES = 256, 1000
_PIXELS, _LEAST, _MOST = 2**17, 32, 128  # of a batch, and its pictures: small ones are asked about many at once


def _silent(task, done, total):
    """Progress that nobody wants to see."""


def attacked(
    model, recipe, classes, attack, split="test", examples=None, target="", progress=_silent, judge=None, kept=None
):
    """(document, arrays) of an attack on a split.

    model: a `classifier.Classifier`. recipe: has the data. examples: at most so many, spread evenly over the split.
    target: the name of a class that every other picture shall be called. progress: called with (task, done, total).
    judge: what says which class a picture has, in place of the model, as a file does of pictures made on another model.
    kept: a `keeping.KeptBatches` that has what was done before an interruption, or None; of an attack that learns
    nothing is kept.

    The document is {name, split, attack, target, examples, clean, robust, reached, moved}: accuracy before; the share
    that is right before and after the attack, in uint8; the share of those attacked that ended as the attack wanted;
    the median norm of the changes. Attacked are pictures that are called right, or towards a target those of another
    class. What an attack learns beforehand it learns from the validation split. arrays: `pixels` and, after the attack,
    `images`, uint8 [N, h, w, 3]; `labels`, `before` and `after` [N], in the order of the split.
    """
    if target and target not in classes:
        raise UsageError(f"no class {target!r}; {close_matches(target, classes)}")
    wanted = list(classes).index(target) if target else None
    head = {"name": recipe.name, "split": split, "attack": to_json(attack), "target": target}
    data = _thinned(recipe, split, examples)
    if kept := None if attack.learns else kept:
        kept.begin(head | {"examples": data.size, "classes": list(classes), "architecture": to_json(model.arch)})
    attack = _learned(model, recipe, attack, wanted) if attack.learns else attack
    rows, seen = [], 0
    for number, (pixels, labels) in enumerate(_examples(recipe, data)):
        asked = (model, judge or model, attack, pixels, labels, wanted, seen)
        row = kept_or_made(kept, number, (pixels, labels), functools.partial(_batch, *asked))
        rows.append(row | {"pixels": pixels})
        seen += len(labels)
        progress("images", seen, data.size)
    held = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
    return head | _figures(held, wanted), held


def three_ways(file, white, trained, recipe, classes, attack, settings, progress=lambda *_: None, kept=None):
    """What is left right of an exported file by each way to its pictures: {"transfer", "white_box", "asked_alone"}.

    file: an `AskedClassifier`, which judges all. white: a Classifier of the file's own gradients, or None where it has
    none. trained: of the trained model, or None. attack: of the first two; the third is `square` of the same radius.
    settings: split, examples and target, as in `attacked`, and so is kept. A way that cannot be gone is None.
    """
    radius = getattr(attack, "radius", 8 / 255) if attack.norm == "linf" else 8 / 255
    asking = create("attacks/square", radius=radius, queries=_QUERIES)
    ways = {"transfer": (trained, attack), "white_box": (white, attack), "asked_alone": (file, asking)}
    found = dict.fromkeys(ways)
    for name, (model, way) in ways.items():
        if model is not None:
            own = kept.of(name) if kept else None
            document, _ = attacked(model, recipe, classes, way, progress=progress, judge=file, kept=own, **settings)
            found[name] = {key: document[key] for key in ("attack", "examples", "robust", "reached", "moved")}
    return found


def _thinned(recipe, split, examples):
    data = splits_of(recipe, split)[split]
    return thinned(data, examples) if examples else data


def _examples(recipe, data):
    """Batches of (pixels of the graph's size, uint8 [B, h, w, 3]; labels, int [B])."""
    height, width = recipe.model.image_size
    wanted = min(max(_PIXELS // (height * width), _LEAST), _MOST)
    held, count = [], 0
    for inputs, ground_truth, _ in raw_examples(data, recipe.model):
        prepared = recipe.model.at_graph_size(recipe.model.geometry(inputs)[0])["image"]
        held.append((np.asarray(prepared), np.asarray(ground_truth["label"])))
        count += len(held[-1][1])
        if count >= wanted:
            yield _joined(held)
            held, count = [], 0
    if held:
        yield _joined(held)


def _joined(batches):
    return tuple(np.concatenate(part) for part in zip(*batches, strict=True))


def _learned(model, recipe, attack, wanted):
    """The attack, after it has learned from pictures that it will not be judged on."""
    pixels, labels = zip(*_examples(recipe, _thinned(recipe, "validation", _LEARNED_FROM)), strict=True)
    pixels, labels = np.concatenate(pixels), np.concatenate(labels)
    return attack.learned(model, pixels, Goal(labels, None if wanted is None else np.full(len(labels), wanted)))


def _batch(model, judge, attack, pixels, labels, wanted, seed):
    """What comes of one batch; those that are not attacked stay as they are."""
    before = judge.decided(pixels.astype(np.float32) / np.float32(255))
    chosen = before == labels if wanted is None else labels != wanted
    held = {"images": pixels.copy(), "labels": labels, "before": before, "after": before.copy()}
    moved = np.full(len(labels), np.nan)
    if chosen.any():
        targets = None if wanted is None else np.full(int(chosen.sum()), wanted)
        found = attack.attack(model, pixels[chosen], labels[chosen], targets, seed)
        after = found.after if judge is model else judge.decided(found.images.astype(np.float32) / np.float32(255))
        held["images"][chosen], held["after"][chosen], moved[chosen] = found.images, after, found.moved
    return held | {"moved": moved, "attacked": chosen}


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
    kept = {key: arrays[key] for key in ("images", "labels", "before", "after") if key in arrays}
    with beside(folder / "attacked.npz") as partial, partial.open("wb") as file:
        np.savez_compressed(file, **kept)
    return folder / "attack.json"
