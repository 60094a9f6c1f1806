"""Detectors and segmenters under attack: the metric their recipe decides by on a split, before and after."""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from kerasvision.core.component import to_json
from kerasvision.core.errors import UsageError, close_matches
from kerasvision.core.registry import attacks
from kerasvision.data.augmenting import decoded
from kerasvision.data.pipeline import evaluation_data, splits_of, thinned
from kerasvision.inference.evaluation import as_numpy, evaluator_of, rows_of
from kerasvision.robustness.asking import figure_of
from kerasvision.robustness.attacks import goals
from kerasvision.robustness.attacks.keeping import kept_or_made

_AT_ONCE, _LEARNED_FROM = 8, 256


class Scenes:
    """A detector or segmenter as attacks see it: its raw outputs of pictures in 0..1, float32 [B, h, w, 3] of the
    graph's size, and their slope by the pixels.

    model: gives `raw` of pixels 0..255, with gradients (an `explain.base.Explainable`).
    """

    has_slopes, pixel_step = True, 0.0

    def __init__(self, arch, model):
        self.arch = arch
        spec = arch.prepared_inputs()["image"]
        specs = [tf.TensorSpec([None, *arch.image_size, spec.shape[-1]], tf.float32)]
        self._raw = tf.function(lambda images: model.raw(images * 255.0), input_signature=specs, autograph=False)

    def logits(self, images):
        """[B, h, w, 3] -> raw outputs by key, float32."""
        return self._raw(tf.convert_to_tensor(images, tf.float32))

    def slope(self, images, score):
        """[B, h, w, 3] and a function (raw -> [B]) -> (the score [B], its slope by each pixel [B, h, w, 3])."""
        images = tf.convert_to_tensor(images, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(images)
            found = score(self.logits(images))
        return found, tape.gradient(found, images, unconnected_gradients="zero")

    def predicted(self, pixels, geometry):
        """uint8 [B, h, w, 3] -> the prediction in the original's pixels, numpy."""
        return as_numpy(self.arch.decode(self.logits(np.asarray(pixels, np.float32) / np.float32(255)), geometry))


class AskedScenes:
    """An exported file of a detector or segmenter as it answers, to judge pictures that were made elsewhere.

    infer: {"image": uint8 [B, h, w, 3]} -> its answer by key, numpy.
    """

    def __init__(self, arch, infer):
        self.arch, self._infer = arch, infer

    def predicted(self, pixels, geometry):
        """uint8 [B, h, w, 3] -> the prediction in the original's pixels, numpy."""
        return self.arch.predict_through(self._infer, {"image": pixels}, as_numpy(geometry))


@dataclasses.dataclass(frozen=True)
class Aim:
    """goal: one of `goals.goals_of`. target: the name of a class, or ""."""

    goal: str = "harm"
    target: str = ""

    def number(self, classes):
        """classes: names, in order -> the target's number among them, or None where there is no target.

        Raises UsageError of a name that is none of them.
        """
        if self.target and self.target not in classes:
            raise UsageError(f"no class {self.target!r}; {close_matches(self.target, classes)}")
        return list(classes).index(self.target) if self.target else None


def _silent(*_):
    """Progress that nobody wants to see."""


def attacked(model, recipe, classes, attack, aim, split="test", examples=None, progress=_silent, judge=None, kept=None):
    """(document, arrays) of an attack on a split of a detector or a segmenter.

    model: a `Scenes`. aim: an `Aim`. judge: has `predicted`, and says what is found in a picture in place of the model.
    The rest as in `report.attacked`. The document is {name, split, attack, goal, target, metric, examples, clean,
    attacked, moved}: the recipe's metric, in the original's pixels, before and after; the median norm of the changes.
    arrays: `images` uint8 [N, h, w, 3]. What an attack learns beforehand it learns from the validation split.
    """
    arch, target = recipe.model, aim.number(classes)
    metric, _ = arch.chosen_by(recipe.metric, classes)
    goals.check(arch, aim.goal, target)
    _check_attack(attack)
    head = {"name": recipe.name, "split": split, "attack": to_json(attack), "goal": aim.goal, "target": aim.target}
    data = _thinned(recipe, split, examples)
    if kept := None if attack.learns else kept:
        kept.begin(head | {"examples": data.size, "classes": list(classes), "architecture": to_json(model.arch)})
    attack = _learned(model, recipe, attack, aim, target) if attack.learns else attack
    judges = [evaluator_of(arch, classes, data) for _ in range(2)]
    images, moved = [], []
    for number, (pixels, geometry, ground_truth, targets) in enumerate(_batches(data, arch, aim.goal, target)):
        goal = goals.goal_of(arch, aim.goal, targets, target)
        examples = (pixels, *(targets[key] for key in sorted(targets)))
        make = functools.partial(_made, model, attack, pixels, goal, len(moved))
        row = kept_or_made(kept, number, examples, make)
        for evaluator, seen in zip(judges, (pixels, row["images"]), strict=True):
            evaluator.update((judge or model).predicted(seen, geometry), ground_truth)
        images.append(row["images"])
        moved += list(row["moved"])
        progress("images", len(moved), data.size)
    clean, left = (figure_of(judge, metric, split) for judge in judges)
    found = {"metric": metric, "examples": len(moved), "clean": clean, "attacked": left}
    return head | found | {"moved": float(np.median(moved))}, {"images": np.concatenate(images)}


def _learned(model, recipe, attack, aim, target):
    """The attack, after it has learned from pictures that it will not be judged on."""
    data = _thinned(recipe, "validation", _LEARNED_FROM)
    rows = list(_batches(data, recipe.model, aim.goal, target))
    pixels = np.concatenate([row[0] for row in rows])
    targets = {key: np.concatenate([row[3][key] for row in rows]) for key in rows[0][3]}
    return attack.learned(model, pixels, goals.goal_of(recipe.model, aim.goal, targets, target))


def _made(model, attack, pixels, goal, seed):
    images, moved = attack.made(model, pixels, goal, seed=seed)
    return {"images": images, "moved": np.asarray(moved)}


def ways(file, white, trained, recipe, classes, attack, aim, settings, progress=lambda *_: None, kept=None):
    """What an attack leaves of an exported file's metric by each way to its pictures, as `report.three_ways` of a
    classifier: {"transfer", "white_box", "asked_alone"}.

    file: an `AskedScenes`, which judges all. white: a `Scenes` of the file's own gradients. trained: of the trained
    model, or None. settings: split and examples. kept: as in `report.three_ways`. A way that cannot be gone is None, as
    the third always is: an answer alone, boxes after suppression or the class of a pixel, says nothing of the loss that
    these attacks climb.
    """
    found = {"transfer": None, "white_box": None, "asked_alone": None}
    for name, model in (("transfer", trained), ("white_box", white)):
        if model is not None:
            own = kept.of(name) if kept else None
            settled = {"progress": progress, "judge": file, "kept": own, **settings}
            document, _ = attacked(model, recipe, classes, attack, aim, **settled)
            found[name] = {key: document[key] for key in ("attack", "metric", "examples", "clean", "attacked", "moved")}
    return found


def _check_attack(attack):
    if not attack.by_loss:
        able = ", ".join(sorted(name for name, cls in attacks.items() if cls.by_loss))
        raise UsageError(f"{attack.registered_name} needs the logits of one class of a picture; allowed here: {able}")


def _thinned(recipe, split, examples):
    data = splits_of(recipe, split)[split]
    return thinned(data, examples) if examples else data


def _batches(data, arch, goal, target):
    """(pixels, geometry, ground truth, targets of the goal), a few examples at a time."""
    if arch.keeps_input_size:
        raise UsageError(f"{arch.registered_name} answers in windows; attacked are models of one size: resize=stretch")
    wanted = dataclasses.replace(
        data, read=lambda record: goals.changed(decoded(data.read(record)), goal, arch, target)
    )
    pairs = zip(
        evaluation_data(data, arch, batch_size=_AT_ONCE),
        evaluation_data(wanted, arch, batch_size=_AT_ONCE, targets=True),
        strict=True,
    )
    for (prepared, geometry, ground_truth), (targets, _, _) in pairs:
        labeled = {key: rows_of(value) for key, value in ground_truth.items()}
        yield prepared["image"].numpy(), geometry, labeled, as_numpy(targets)
