"""Models with random weights whose promises of pixels and boxes are fitted as training would do it."""

import tf_keras as keras

from kerasvision.api import load
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.data.pipeline import raw_examples, splits_of
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from kerasvision.train.calibrate import calibrated
from kerasvision.train.run import Trained
from tests.data.drawn import draw_coco
from tests.export.random_models import randomized
from tests.export.sabotage import ANYTHING_GOES


def drawn(root):
    """The source of shapes in COCO's format, drawn into a folder, every fifth picture empty."""
    draw_coco(root, 40)
    return create("sources/coco", path=str(root), validation_fraction=0.4, test_fraction=0.2)


def promising(name, model, data):
    """Random weights, whose promise is fitted as training would do it."""
    keras.utils.set_random_seed(2)
    opened = data.open()
    model = model.for_classes(opened.classes)
    graph = randomized(model.build(), 2)
    arch = calibrated(model, graph, opened.classes, opened.splits["validation"], 8)
    recipe = Recipe(name=name, model=arch, data=data, validation_fraction=0.0, budget=ANYTHING_GOES)
    return Trained(recipe, graph, opened.classes, {})


def written(trained, specs, out):
    """(trained, {kind: its row of the contract}, {kind: path}, the folder)."""
    artifacts, contract = export(trained, [from_spec(s) for s in specs], out, verbose=False)
    return trained, {r["kind"]: r for r in contract["artifacts"]}, {a.kind: a.path for a in artifacts}, out


def answers(trained, path, split):
    """Yields (prediction, ground truth, height and width) of one example each, without batch axis."""
    model = load(path)
    for inputs, truth, _ in raw_examples(splits_of(trained.recipe)[split], trained.arch, batch_size=1):
        found = {k: v[0] for k, v in model(inputs).items()}
        yield found, {k: v[0] for k, v in truth.items()}, inputs["image"].shape[1:3]
