"""The facade's verbs: load a model from wherever it is, ask it, judge it."""

import dataclasses
import pathlib
import typing

import numpy as np

from kerasvision.core.component import from_json, hints
from kerasvision.core.errors import KerasVisionError, UsageError, close_matches, spoken
from kerasvision.core.keras_in_use import require_tf_keras
from kerasvision.core.overrides import with_field
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import pretrained
from kerasvision.data.kinds.example import read_example
from kerasvision.data.kinds.fetching import fetched, name_of
from kerasvision.data.kinds.image import read_image
from kerasvision.data.sources._detect import detect
from kerasvision.export import identity
from kerasvision.export.base import Runner, from_spec
from kerasvision.export.contract import read_contract
from kerasvision.export.functions import answers
from kerasvision.export.placing import artifact_at
from kerasvision.inference.prediction import Prediction
from kerasvision.inference.served import Served
from kerasvision.ops import components
from kerasvision.train.run import Trained, load_run, structure

__all__ = ["Model", "evaluate", "exportable", "load", "load_run", "look_inside", "predict", "read_image"]


class ServedRunner(Runner):
    """A trained graph in this process, traced; never through `keras.Model.predict`, which is many times slower."""

    takes_prepared = False

    def __init__(self, served):
        super().__init__(served.arch)
        self.served = served

    def infer(self, inputs):
        return {k: v.numpy() for k, v in self.served.serve(inputs).items()}

    def call(self, name, inputs):
        known = self.served.functions
        return answers(known[name], inputs) if name in known else super().call(name, inputs)


@dataclasses.dataclass(frozen=True)
class Model:
    """Something that answers: a run, a SavedModel, a .tflite, an .onnx or a pretrained model, all alike.

    `model({"image": uint8 [B, H, W, 3]})` gives a dict of numpy arrays with a batch axis, in original pixels. What a
    model takes is `arch.serving_inputs()`: one of volumes takes `volume` and `spacing_mm`. `predict` reads files.
    """

    arch: typing.Any
    classes: tuple[str, ...]
    runner: Runner
    recipe: typing.Any = None

    def __call__(self, inputs):
        return self.runner(inputs)

    def call(self, name, inputs):
        """One of `Architecture.functions`, {key: numpy array} in and out, batched; contract.json says what it takes."""
        return self.runner.call(name, inputs)

    def predict(self, given, tidy=None):
        """A `Prediction` of one example, or a list of them for a list.

        given: of a model of pictures a path, a URL, encoded bytes, uint8 [H, W, 3] or a Pillow image; of volumes a path
        (NIfTI, or a folder with a DICOM series); of several inputs a dict {key: one of them}. tidy: mask -> mask, such
        as `ops.components.largest`, for what a segmenter answers. Raises KerasVisionError, one line, of what cannot be
        read.
        """
        if isinstance(given, list):
            return [self.predict(one, tidy) for one in given]
        inputs, read = self.read(given)
        return self.predict_one(inputs, tidy, name_of(given), read)

    def read(self, given):
        """(inputs of one example, what it was read from) of what `predict` is given."""
        return read_example(self.arch, fetched(given))

    def predict_one(self, inputs, tidy=None, name="", read=None):
        """The `Prediction` for inputs of one example, {key: array} without batch axis. name, read: as it has them."""
        with spoken():
            values = {k: v[0] for k, v in self.runner({k: np.asarray(v)[None] for k, v in inputs.items()}).items()}
        if tidy:
            values["mask"] = tidy(values["mask"])
        return Prediction(self.arch, self.classes, values, name, read)


def load(what, settings=()):
    """A `Model` from a run folder, what `export` wrote (a SavedModel folder, a .tflite or .onnx file), or a pretrained
    model's name.

    settings: `["resize=windows", "flips=(1,)"]`, those of the architecture's fields that may change after training. A
    SavedModel has them inside.
    """
    require_tf_keras()
    path = pathlib.Path(what)
    if str(what) in pretrained and not path.exists():
        arch, graph, classes = pretrained[str(what)]().load()
        arch = changed(arch, settings)
        return Model(arch, tuple(classes), ServedRunner(Served(arch, graph, classes)))
    if not path.exists():
        raise UsageError(
            f"no model at {what}; name a run, a file or folder that export wrote, or a pretrained model: "
            f"{close_matches(what, pretrained)}"
        )
    if path.is_dir() and (path / "recipe.json").exists():
        trained = load_run(path)
        recipe = dataclasses.replace(trained.recipe, model=changed(trained.arch, settings))
        served = Served(recipe.model, trained.graph, trained.classes)
        return Model(recipe.model, trained.classes, ServedRunner(served), recipe)
    path = artifact_at(path)
    if settings and path.is_dir():
        raise UsageError(f"{what} is a SavedModel, which has its settings inside; change them of its run and export it")
    return _from_file(path, settings)


@dataclasses.dataclass(frozen=True)
class Inside:
    """What a model looks like inside, for whoever explains or attacks it. graph: its Keras graph. file: None, or what
    gives the values of the graph's tensors in its place, for an exported file (`export.twin.graph.TwinGraph`).
    """

    recipe: Recipe
    graph: typing.Any
    classes: tuple[str, ...]
    file: typing.Any = None

    @property
    def arch(self):
        """The architecture, with what training decided about it."""
        return self.recipe.model


def look_inside(what, slopes=True):
    """The `Inside` of a run folder, a SavedModel or a .tflite, whose gradients are the file's own. slopes: raise
    UsageError of a file without gradients, such as an .onnx; else such a classifier answers by scores alone.
    """
    require_tf_keras()
    path = pathlib.Path(what)
    if not path.exists():
        raise UsageError(f"no model at {what}; name a run, a SavedModel or a .tflite")
    if path.is_dir() and (path / "recipe.json").exists():
        trained = load_run(path)
        return Inside(trained.recipe, trained.graph, tuple(trained.classes))
    contract, row, recipe = _described(path := artifact_at(path))
    graph = structure(recipe)
    file = from_spec(row["kind"]).shown(path, graph, recipe.model, slopes)
    return Inside(recipe, graph, tuple(contract["classes"]), file)


def _described(path):
    """(contract, its row of an exported file, recipe), once the file is known to be the one that it describes."""
    contract = read_contract(path)
    row = identity.row_of(path, contract)
    recipe = from_json(contract["recipe"])
    if not isinstance(recipe, Recipe):
        raise KerasVisionError(f"{path}: contract.json has no recipe in it; export the model again")
    identity.check_described(path, contract, recipe.model)
    identity.tell_of_labels(path, contract)
    return contract, row, recipe


def _from_file(path, settings):
    """A `Model` from an exported file."""
    contract, row, recipe = _described(path)
    recipe, exporter = dataclasses.replace(recipe, model=changed(recipe.model, settings, True)), from_spec(row["kind"])
    try:
        identity.check_signature(path, row, exporter.signature(path))
        runner = exporter.open(path, recipe.model)
    except KerasVisionError:
        raise
    except Exception as error:  # runtimes raise whatever they like at a file that they cannot read
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise KerasVisionError(f"{path} cannot be opened as {row['kind']}: {reason}; export the model again") from None
    return Model(recipe.model, tuple(contract["classes"]), runner, recipe)


def changed(arch, settings, is_file=False):
    """An architecture with some fields set that do not shape its graph, nor its file. settings: `["overlap=0.75"]`."""
    for setting in settings:
        path, equals, text = setting.partition("=")
        name = path.removeprefix("model.")
        may_be = [field for field in arch.after_training if not (is_file and field in arch.inside_files)]
        if not equals or name.partition(".")[0] not in may_be:
            allowed = ", ".join(may_be) or "none"
            raise UsageError(f"--set {setting}: of a trained {arch.registered_name} these may be set: {allowed}")
        arch = with_field(arch, name, text)
    return arch.unpromised() if settings else arch


def exportable(what, data=None):
    """What `export` takes: the `Trained` model of a run folder, or a pretrained one with examples to be judged on.

    data: for a pretrained model, a .csv manifest whose labels are among the model's classes.
    """
    if str(what) not in pretrained or pathlib.Path(what).exists():
        if data:
            raise UsageError(f"--data goes with a pretrained model; {what} knows its own data")
        return load_run(what)
    source = detect(data) if data else None
    if source is None or "label" not in source.labels or not {"classes", "test_fraction"} <= hints(type(source)).keys():
        raise UsageError(f"exporting {what} needs real labeled images to compare on: --data FILE.csv (file,label)")
    arch, graph, classes = pretrained[what]().load()
    fractions = {"validation_fraction": 0.0, "test_fraction": 0.0}
    source = dataclasses.replace(source, classes=tuple(classes), **fractions)
    recipe = Recipe(name=what.rsplit("/", 1)[-1], model=arch, data=source, validation_fraction=0.0)
    return Trained(recipe, graph, tuple(classes), {})


def predict(model, given):
    """JSON of one example. model: a `Model`, or what `load` takes. given: see `Model.predict`."""
    return (model if isinstance(model, Model) else load(model)).predict(given).to_json()


def tidying(arch, keep_largest=False, fill_holes=False):
    """What is done to the masks of a segmenter, mask -> mask, or None: see `ops.components`."""
    steps = [step for wanted, step in ((keep_largest, components.largest), (fill_holes, components.filled)) if wanted]
    if steps and "mask" not in arch.outputs:
        raise UsageError(f"--largest and --fill-holes are for masks of classes; {arch.registered_name} gives none")

    def tidy(mask):
        for step in steps:
            mask = step(mask)
        return mask

    return tidy if steps else None


def evaluate(model, split="test", draw=None, tell=None, cases=None):
    """name -> float of a model that knows its recipe, on a split of the recipe's data.

    draw: a folder for the evaluator's pictures: a classifier's confusion.png and worst.png, of several labels also
    labels.png, a regressor's scatter.png and worst.png, a detector's precision_recall.png and errors.png, a segmenter's
    worst.png. tell: a function that is given each line about what is most often mistaken, names as they are. cases: a
    .csv for the figures of each example, of a segmenter of images or volumes.
    """
    evaluator, _ = _judged(_known(model), split, draw, cases)
    for line in evaluator.in_words() if tell else ():
        tell(line)
    return {f"{split}/{k}": v for k, v in evaluator.result().items()}


def evaluate_groups(model, by, split="test", table=None):
    """The figures of each group of a split's examples, as `kerasvision card --groups` reads them: {"name": the model's,
    "split", "by", "metric": the main one, "examples", "metrics": name -> float of all, "groups": {group: {"examples",
    "metrics"}}}.

    by: a column of a CSV that says the group of each file. table: that CSV, in place of the manifest that the model was
    trained on. Raises UsageError where the column is missing, KerasVisionError where an example has no row.
    """
    from kerasvision.data.grouping import group_column, groups_of
    from kerasvision.inference import evaluation

    source = (model := _known(model)).recipe.data
    own = source.path if hasattr(source, "file_column") else None
    if not (table or own):
        raise UsageError(f"{source.registered_name} has no table with columns; name one: --table FILE.csv (file,{by})")
    found = group_column(table or own, by, source.file_column if own and not table else "file")
    evaluator, names = _judged(model, split)
    groups = evaluation.figures_by_group(evaluator, groups_of(names, found, table or own))
    metric = model.recipe.metric or model.arch.main_metric
    about = {"name": model.recipe.name, "split": split, "by": by, "metric": metric}
    return about | {"examples": len(names), "metrics": evaluator.result(), "groups": groups}


def _known(model):
    """The model, loaded, if it knows its data."""
    model = model if isinstance(model, Model) else load(model)
    if model.recipe is None:
        raise UsageError("a pretrained model has no data of its own to be evaluated on; train or export it first")
    return model


def _judged(model, split, draw=None, cases=None):
    """(evaluator, updated with all examples of a split, their names); `evaluate` has the arguments."""
    from kerasvision.data.pipeline import raw_examples, splits_of
    from kerasvision.inference import evaluation

    splits = splits_of(model.recipe, split)
    data, name = splits[split], model.arch.registered_name
    evaluator = evaluation.evaluator_of(model.arch, model.classes, data)
    folder = evaluation.picture_folder(draw, evaluator, name) if draw else None
    table = evaluation.case_file(cases, evaluator, name) if cases else None
    evaluation.show_gallery(model, [evaluator], evaluation.gallery_of(evaluator, splits, split), model.arch)
    names = []
    for inputs, ground_truth, batch_names in raw_examples(data, model.arch):
        evaluator.update(model(inputs), ground_truth)
        names += batch_names
    if table:
        evaluation.write_cases(evaluator, table, names)
    if folder:
        evaluation.draw_evaluation(evaluator, folder, data, model.arch)
    return evaluator, names
