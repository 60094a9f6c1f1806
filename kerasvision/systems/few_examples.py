"""Classes from a few pictures each: the recipe of `classification/nearest_class`, and further classes for its run."""

import dataclasses

import numpy as np

from kerasvision.core.component import hints
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import architectures, exporters, sources, techniques
from kerasvision.ops import few_examples as few
from kerasvision.systems.index import embedded_texts
from kerasvision.train.run import Trained, judged_again, load_run, structure

NAME = "classification/nearest_class"


def recipe_for(data, run, name, settings):
    """A `Recipe` that learns classes without a step. data: a folder with a folder a class. run: folder of a finished
    run of an embedder, or None for an ImageNet backbone. settings: fields of the architecture.
    """
    cls, fields, warm = architectures[NAME], {}, ()
    if run is not None:
        arch = load_run(run).arch
        if "embedding" not in arch.outputs:
            raise UsageError(f"{run} ({arch.registered_name}) gives no embedding; name a run of embedding/...")
        shared = hints(type(arch)).keys() & hints(cls).keys() - {"num_classes"}
        fields = {k: getattr(arch, k) for k in shared}
        warm = (techniques["warm_start"](run=str(run)),)
    return Recipe(
        name=name,
        model=cls(**fields | settings),
        data=sources["image_folder"](path=str(data), validation_fraction=0.0, test_fraction=0.0),
        techniques=warm,
        epochs=0,
        validation_fraction=0.0,
        exports=(exporters["saved_model"](), exporters["tflite"]()),
    )


def vectors_of_names(model, name, classes, templates=("{}",)):
    """`class_vectors` of `classification/nearest_class`: of each class the mean of its name's vectors in all templates,
    made 1 long ("prompt ensembling": Radford et al. 2021, arXiv:2103.00020, section 3.1.4). _ in a name is a blank.

    model: of pictures and words, as `kerasvision.load` gives it; name: where it stands. templates: texts with one {}.
    Raises UsageError of others, and of a model that knows no words.
    """
    if wrong := [text for text in templates if text.count("{}") != 1]:
        raise UsageError(f'--template {wrong[0]!r}; write {{}} once, where the name goes: "a photo of a {{}}"')
    rows = []
    for named in (c.replace("_", " ") for c in classes):
        vectors = embedded_texts(model, [text.replace("{}", named) for text in templates], name)
        rows.append(few.standing(vectors, "means", 0)[0])
    return tuple(tuple(float(f"{v:.9g}") for v in row) for row in rows)


def accepted(arch, pictures):
    """The share of pictures of no class that are expected to be taken for one: what the architecture was asked for, or
    the least that so many pictures can vouch for.
    """
    return max(arch.false_accept, few.least_rate(pictures, arch.num_classes))


@dataclasses.dataclass(frozen=True)
class Added:
    """trained: with one class more, saved. taken: of its pictures, how many were taken for another class before."""

    trained: Trained
    taken: int


def add(folder, name, pictures):
    """Give the run of a folder one class more, by replacing constants alone: no bit of the other classes' scores
    changes, nor does the threshold. pictures: uint8 [H, W, 3] each.
    """
    trained = load_run(folder)
    if trained.arch.registered_name != NAME:
        raise UsageError(f"{folder} is a run of {trained.arch.registered_name}; classes are added to one of {NAME}")
    if name in trained.classes:
        raise UsageError(f"{folder} has a class {name!r}; give the new one another name")
    if not pictures:
        raise KerasVisionError(f"no picture of {name!r} could be read; a class needs one or more")
    vectors, before = _answers(trained, pictures)
    arch, rows = trained.arch.with_class(vectors)
    recipe = dataclasses.replace(trained.recipe, model=arch)
    graph = structure(recipe)
    for layer in graph.layers:
        held = trained.graph.get_layer(layer.name)
        if hasattr(layer, "set_rows"):
            layer.set_rows(np.concatenate([held.rows(), rows]))
        elif layer.weights:
            layer.set_weights(held.get_weights())
    made = Trained(recipe, graph, (*trained.classes, name), {}, trained.folder)
    return Added(judged_again(made), int((before >= 0).sum()))


def _answers(trained, pictures):
    """(vectors [N, D] of length 1, labels [N] that the model gives) of pictures of any size."""
    served, prepared, said = trained.served(), [], []
    for pixels in pictures:
        inputs = {"image": pixels[None]}
        said.append(served.serve(inputs)["label"].numpy()[0])
        prepared.append(trained.arch.geometry(inputs)[0])
    ground_truth = {"label": np.zeros(1, np.int32)}
    return trained.arch.embedded(trained.graph, ((p, ground_truth) for p in prepared))[0], np.array(said)


def accuracy(vectors, labels, ways, shots, episodes):
    """(mean accuracy, half of its 95 % interval, draws) over `episodes` of `ops.few_examples`."""
    found = few.episodes(np.asarray(vectors), np.asarray(labels), ways, shots, episodes)
    return *few.mean_with_interval(found), len(found)
