r"""Does the hottest place of an explanation lie on the object? Of a classifier, a detector or a segmenter of cut-outs.

Shows: the pointing game (arXiv:1608.00507) and the share of heat inside, of `explainers`, on scenes whose masks are
known exactly, since they were cut out; beside the same methods on the same network with shuffled weights, which can
know nothing of the object, and the share of the picture that the objects cover. With a file, how much of each heat is
left in it.
Commands: kerasvision train pipelines/transfer_stamps.py --out runs/stamps
          kerasvision train pipelines/detect_stamps_retinanet.py --out runs/retinanet
          kerasvision train pipelines/segment_stamps_deeplab.py --out runs/segment-deeplab
          kerasvision train pipelines/label_scenes.py:fine_tuned --out runs/labels
          python pipelines/measure_pointing.py runs/stamps
          python pipelines/measure_pointing.py runs/labels --margin 15
          python pipelines/measure_pointing.py runs/segment-deeplab
          python pipelines/measure_pointing.py runs/retinanet --methods d_rise --set masks=1000 --scenes 50
          python pipelines/measure_pointing.py runs/stamps --against FILE.tflite --methods grad_cam saliency
A run on single pictures of objects gets scenes with one of them, 0.4 to 0.8 of the side; the others the test scenes of
their own recipe. Explained is a classifier's score of the class there that it is surest of; of a detector the surest
box that an object of its class agrees with (IoU 0.5); of a segmenter the largest class that it predicts anywhere on it.
What has none is counted.
Measured on 2 cores (AVX-512, shared with other work), 5 processor minutes, 200 test scenes, DeepLab of mIoU 0.483:

    grad_cam                 pointing 0.858 (0.806 to 0.902), inside 0.601 (0.567 to 0.635)
    grad_cam, shuffled       pointing 0.382 (0.317 to 0.447), inside 0.222 (0.187 to 0.254)
    objects cover 0.129; 194 of 200 scenes explained

Shuffled weights point above chance there, since the question itself, the class's logit over a region, says where.
Of `label_scenes.py:fine_tuned` (7 x 7 positions at 224 px), 200 test scenes, 3 processor minutes, 15 pixels beside the
object counting as in the paper, and then none; the hottest position is mostly beside the object, at its border:

    grad_cam                 pointing 0.735 (0.675 to 0.794), inside 0.585 (0.555 to 0.613)
    grad_cam, shuffled       pointing 0.228 (0.206 to 0.248), inside 0.234 (0.215 to 0.252)
    objects cover 0.228; 200 of 200 scenes explained
    grad_cam                 pointing 0.443 (0.379 to 0.515), inside 0.337 (0.310 to 0.364)
    grad_cam, shuffled       pointing 0.116 (0.104 to 0.129), inside 0.126 (0.112 to 0.141)
    objects cover 0.125; 200 of 200 scenes explained

Of the RetinaNet, 30 scenes, `--set masks=500`, 35 processor minutes:

    d_rise                   pointing 0.967 (0.900 to 1.000), inside 0.282 (0.248 to 0.318)
    d_rise, shuffled         pointing 0.214 (0.072 to 0.378), inside 0.071 (0.053 to 0.091)
    objects cover 0.047; 30 of 30 scenes explained

What is left of Grad-CAM in the int8 file (`kerasvision explain RUN --against FILE --compare grad_cam --examples 200`,
150 explained): rank correlation 0.985 and 0.926 of the hottest tenth shared of `label_scenes.py:fine_tuned`, 0.935 and
0.950 of the DeepLab.
"""

import argparse
import dataclasses

import numpy as np
import tensorflow as tf
from scipy import ndimage

from kerasvision.api import look_inside
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.overrides import with_field
from kerasvision.core.registry import explainers, make
from kerasvision.data.pipeline import decoded
from kerasvision.explain import fidelity
from kerasvision.explain.base import explainable
from kerasvision.explain.judging import compared, summarized
from kerasvision.ops import boxes as box_ops

LEAST_IOU = 0.5
SHUFFLES = 10


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", metavar="RUN", help="folder of a finished run")
    parser.add_argument("--methods", nargs="+", default=["grad_cam"], help="explainers (default: grad_cam)")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="of every method, as in masks=1000")
    parser.add_argument("--scenes", type=int, default=200, help="at most (default: %(default)s)")
    parser.add_argument("--margin", type=int, default=0, help="pixels around an object that count too (the paper: 15)")
    parser.add_argument("--against", metavar="FILE.tflite", help="what is left of the heats in this file instead")
    asked = parser.parse_args()
    inside = look_inside(asked.run, slopes=False)
    model, methods = explainable(inside), {name: chosen(name, asked.set) for name in asked.methods}
    scenes = [one for _, one in zip(range(asked.scenes), scenes_of(inside), strict=False)]
    if asked.against:
        other = explainable(look_inside(asked.against, slopes=False))
        inputs = [{k: v.numpy() for k, v in model.arch.inputs_of(scene).items()} for scene in scenes]
        print_rows(compared(model, other, methods, inputs))
    else:
        print_rows(pointed(model, methods, scenes, asked.margin))


def chosen(name, settings):
    """An explainer by its name, with its settings KEY=VALUE."""
    part = make(explainers[name], {})
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {setting!r}: write KEY=VALUE, as in masks=1000")
        part = with_field(part, key, text)
    return part


def scenes_of(run):
    """Samples of the test scenes with `instance_masks`, in the pixels of the graph."""
    data, size = run.recipe.data, tuple(run.arch.image_size)
    if data.registered_name == "sources/manifest":
        data = one_object(data.path.rsplit("/", 1)[0], size)
    data = dataclasses.replace(getattr(data, "of", data), masks=True)
    opened = data.open()
    names = [name for name in run.classes if name != "background"]
    if tuple(data.image_size) != size or list(opened.classes) != names:
        raise SystemExit(f"measure_pointing: the scenes are {data.image_size} of {opened.classes}, the graph {size}")
    split = opened.splits["test"]
    return (decoded(split.read(record)) for record in split.records)


def one_object(folder, size):
    """Scenes of one large object over a photograph."""
    from kerasvision import create

    return create(
        "sources/cut_paste",
        path=f"{folder}/cutouts.csv",
        backgrounds=(f"{folder}/backgrounds",),
        scenes=(100, 20, 200),
        image_size=size,
        objects=(1, 1),
        side=(0.4, 0.8),
        max_occlusion=0.1,
        exposure_ev=(-0.5, 0.5),
        test_fraction=0.4,
    )


def pointed(model, methods, scenes, margin):
    """{method or "method, shuffled": figures, with 95 % intervals} and how many scenes had nothing to explain."""
    found, rows = [], {}
    for scene in scenes:
        inputs = {k: v.numpy() for k, v in model.arch.inputs_of(scene).items()}
        prepared, geometry, _ = model.prepared(inputs)
        if (one := told(model, scene, prepared, geometry)) is not None:
            target, region = one
            found.append((prepared, target, ndimage.distance_transform_edt(~region) <= margin))
    for name, method in methods.items():
        rows[name] = summarized([figures(method, model, *one) for one in found])
        rows[f"{name}, shuffled"] = summarized(shuffled(method, model, found))
    cover = float(np.mean([region.mean() for _, _, region in found]))
    return rows | {f"objects cover {cover:.3f}; {len(found)} of {len(scenes)} scenes explained": {}}


def shuffled(method, model, found):
    """Figures of networks with shuffled weights, another one for every tenth of the scenes."""
    rows = []
    for seed in range(SHUFFLES):
        with fidelity.randomized(model.graph, 1.0, seed):
            rows += [figures(method, model, *one) for one in found[seed::SHUFFLES]]
    return rows


def figures(method, model, prepared, target, region):
    """Of one scene; region: bool [h, w], where the object is."""
    heat = method.explain(model, prepared, target)
    return {"pointing": fidelity.points_inside(heat, region), "inside": fidelity.share_inside(heat, region)}


def told(model, scene, prepared, geometry):
    """(target, where its object is, bool [h, w]) of a scene, or None where the model finds nothing of it."""
    masks, labels = scene["instance_masks"].numpy() > 0, scene["labels"].numpy()
    targets = model.arch.targets()
    if not len(labels):
        return None
    if "box" in targets.flags:
        return told_box(model, scene, prepared, geometry, masks, labels)
    names = [name for name in model.classes if name != "background"]
    if "region" not in targets.flags:
        present = [names[k] for k in np.unique(labels)]
        found = [model.targets(prepared, geometry, label=(name,))[0] for name in present]
        best = int(np.argmax([model.scores(prepared[None], target)[0] for target in found]))
        return found[best], np.any(masks[labels == names.index(present[best])], 0)
    raw = model.raw(tf.constant(prepared)[None])
    predicted = tf.argmax(raw["logits"][0], -1).numpy()
    present = {int(k): np.any(masks[labels == k], 0) for k in np.unique(labels)}
    agreed = {k: (region & (predicted == model.classes.index(names[k]))).sum() for k, region in present.items()}
    best = max(agreed, key=agreed.get, default=None)
    if best is None or not agreed[best]:
        return None
    return model.targets(prepared, geometry, region=names[best])[0], present[best]


def told_box(model, scene, prepared, geometry, masks, labels):
    """Of the surest box that lies on an object of its class; the object's mask."""
    raw = model.raw(tf.constant(prepared)[None])
    answer = {k: v[0].numpy() for k, v in model.arch.decode(raw, geometry).items()}
    for number in range(int(answer["count"])):
        box = tf.constant(answer["boxes_xyxy"][number], tf.float32)
        shared = box_ops.iou(scene["boxes_xyxy"], box).numpy() * (labels == int(answer["labels"][number]))
        if len(shared) and shared.max() >= LEAST_IOU:
            return model.targets(prepared, geometry, box=(number,))[0], masks[shared.argmax()]
    return None


def print_rows(rows):
    """A line a method: mean and 95 % interval of each figure."""
    for name, row in rows.items():
        if "why" in row:
            print(f"{name} is left out: {row['why']}", flush=True)
            continue
        told = [f"{k} {v['mean']:.3f} ({v['low']:.3f} to {v['high']:.3f})" for k, v in row.items() if k != "trusted"]
        mark = "" if row.get("trusted", True) else "; not to be trusted of this file"
        print(f"{name:24} {', '.join(told)}{mark}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KerasVisionError as error:
        raise SystemExit(f"measure_pointing: {error}") from None
