"""TensorFlow SavedModel with everything inside: from encoded bytes or raw pixels to the prediction."""

import dataclasses
import pathlib
import shutil
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import exporters
from kerasvision.data.class_names import as_lines, write_names
from kerasvision.data.kinds.base import ENCODED, groups, kind_of
from kerasvision.export import explained, partial, saying, suspected
from kerasvision.export.base import Exporter, Runner
from kerasvision.export.goldens import check_written, write_goldens
from kerasvision.export.heat import WORD
from kerasvision.ops.internals import meta_graph

FEATURES = "serving_features"  # the signature
_FURTHER = {WORD: explained.SIGNATURE, suspected.WORD: suspected.SIGNATURE}  # word behind an exporter's name


@exporters.register("saved_model")
@dataclasses.dataclass(frozen=True)
class SavedModel(Exporter):
    """`saved_models/<name>/<version>/`.

    Signatures: `serving_default` (the serving inputs, such as `image` uint8 [B, H, W, 3]) and, where pictures are among
    them, `serving_bytes` (in place of each its file, `image_bytes` string [B]: JPEG, PNG, BMP, GIF or WebP). Outputs
    are the prediction's keys. A classifier of images also has `serving_features`: its embedding, `features` float32
    [B, D]; a model of several senses one for each set of them (`export.partial`); a model of lines or captions
    `serving_strings` (`export.saying`). The asset `labels.txt` has the class
    names; `export.goldens` says what golden.npz holds.
    explain, suspect: a further signature of that name, of a classifier of images: see `export.explained` and
    `export.suspected`.
    """

    home: typing.ClassVar[str] = "saved_models/{name}/{version}"
    contract_path: typing.ClassVar[str] = "assets.extra/contract.json"
    inside: typing.ClassVar[str] = "saved_model.pb"

    explain: bool = False
    suspect: bool = False

    @property
    def spec(self):
        return with_words("saved_model", self)

    @classmethod
    def from_spec(cls, options):
        return of_words(cls, options) or super().from_spec(options)

    def write(self, job):
        return written_saved_model(job, self.explain, self.suspect)

    def open(self, path, arch):
        return SavedModelRunner(path, arch)

    def look_inside(self, path, graph):
        held = [variable.numpy() for variable in tf.saved_model.load(str(path)).weights]
        if [w.shape for w in held] != [tuple(v.shape) for v in graph.variables]:
            raise KerasVisionError(f"{path} has other weights than the graph of its recipe; export the model again")
        for variable, value in zip(graph.variables, held, strict=True):
            variable.assign(value)

    def ops(self, path):
        return saved_model_ops(path)

    def signature(self, path):
        return saved_model_signature(path)

    def functions(self, path, names):
        return {name: saved_model_signature(path, name) for name in names}

    def check(self, path, runner, judge):
        yield from super().check(path, runner, judge)
        yield from check_signatures(path, runner.signatures, judge)


def with_words(name, exporter):
    """The spec of an exporter of SavedModels: its name, and the further signatures that it writes."""
    return ":".join([name, *(word for word in _FURTHER if getattr(exporter, word))])


def of_words(cls, options):
    """The exporter with these further signatures, or None where a word names none, or none is named."""
    return cls(**dict.fromkeys(options, True)) if options and set(options) <= set(_FURTHER) else None


def written_saved_model(job, explain=False, suspect=False):
    """The folder of a `Job`'s SavedModel, with its goldens; two exporters have the same."""
    if not job.saved_model.exists():
        write_saved_model(job.served, job.saved_model, explain, job.held_out if suspect else None)
        write_goldens(job.saved_model, job)
        return job.saved_model
    written = meta_graph(job.saved_model).signature_def
    for word, wanted in zip(_FURTHER, (explain, suspect), strict=True):
        if wanted and _FURTHER[word] not in written:
            raise UsageError(f"saved_model and tf_serving write one folder; name the one with :{word} first")
    return job.saved_model


def write_saved_model(served, path, explain=False, held_out=None):
    """Save a bare module: variables, functions and the label asset, no Keras object. explain: as of `SavedModel`.
    held_out: of a `Job`, for the signature `suspect`.
    """
    labels = pathlib.Path(path).with_name(f".{pathlib.Path(path).name}-labels") / "labels.txt"
    labels.parent.mkdir(parents=True, exist_ok=True)
    write_names(labels, served.classes)
    module = tf.Module()
    module.weights = list(served.weights)
    module.labels = tf.saved_model.Asset(str(labels))
    module.serve = served.serve
    # TensorFlow names a signature's inputs by the function's arguments, so the dict is spelled out
    signatures = {"serving_default": spelled(served.serve, served.arch.serving_specs())}
    encoded = served.encoded_specs()
    module.serve_bytes = served.serve_bytes() if encoded else None
    if encoded:
        signatures["serving_bytes"] = spelled(module.serve_bytes, encoded)
    for name, (function, specs) in partial.partial_signatures(served, module.serve_bytes).items():
        signatures[name] = spelled(function, specs)
    module.say = saying.saying(served, module.serve_bytes)
    if module.say:
        signatures[saying.SIGNATURE] = spelled(module.say, encoded)
    if served.features:
        module.features = served.features
        signatures[FEATURES] = spelled(served.features, served.arch.serving_specs())
    if explain:
        module.explain = explained.explaining(served)
        signatures[explained.SIGNATURE] = spelled(module.explain, explained.specs_of(served.arch))
    if held_out is not None:
        module.suspect = suspected.suspecting(served.arch, served.answering(), held_out)
        signatures[suspected.SIGNATURE] = spelled(module.suspect, served.arch.serving_specs())
    module.functions, module.tables = served.functions, served.tables
    for name, function in served.functions.items():
        signatures[name] = spelled(function, function.input_signature[0])
    module.resources = _assets(served.arch.resources(), labels.parent)
    try:
        tf.saved_model.save(module, str(path), signatures=signatures)
    finally:
        shutil.rmtree(labels.parent)


def _assets(resources, folder):
    """name -> the asset `<name>.txt`, a word a line, for each resource; written into a folder."""
    assets = {}
    for name, resource in resources.items():
        write_names(folder / f"{name}.txt", resource.words)
        assets[name] = tf.saved_model.Asset(str(folder / f"{name}.txt"))
    return assets


def spelled(function, specs):
    """The function with one keyword argument a key, as signatures want it."""
    keys = list(specs)

    def call(*values):
        return function(dict(zip(keys, values, strict=True)))

    named = [tf.TensorSpec(s.shape, s.dtype, name=k) for k, s in specs.items()]
    return tf.function(call, input_signature=named, autograph=False).get_concrete_function()


def _tensors(inputs):
    return {k: tf.constant(v) for k, v in inputs.items()}


def check_signatures(path, signatures, judge):
    """Yields a line for each signature beside the default one, and each asset, that is not the trained model's."""
    yield from judge.names(path / "assets" / "labels.txt")
    yield from check_written(path, judge)
    for name, resource in judge.arch.resources().items():
        held = path / "assets" / f"{name}.txt"
        if not held.exists() or held.read_text(encoding="utf-8") != as_lines(resource.words, held.name):
            yield f"has other words in assets/{name}.txt than the trained model"
    if "serving_bytes" in signatures:
        yield from _check_bytes(signatures["serving_bytes"], judge)
    yield from partial.check(signatures, judge)
    if saying.SIGNATURE in signatures:
        sent = [_sent(judge.arch.serving_inputs(), sample) for sample in judge.samples]
        yield from saying.check(signatures[saying.SIGNATURE], judge, sent)
    if FEATURES in signatures:
        yield from _check_features(signatures[FEATURES], judge)
    if explained.SIGNATURE in signatures:
        yield from explained.check(signatures[explained.SIGNATURE], judge)
    if suspected.SIGNATURE in signatures:
        yield from suspected.check(signatures[suspected.SIGNATURE], judge)


def _check_bytes(signature, judge):
    """The samples encoded by Pillow, against the trained model's answers to their pixels."""
    numbers = list(reversed(range(len(judge.samples))))
    encoded = [_sent(judge.arch.serving_inputs(), judge.samples[number]) for number in numbers]
    requests = [[n] for n in range(len(numbers))] if judge.arch.keeps_input_size else [list(range(len(numbers)))]
    for request in requests:
        together = signature(**{k: tf.constant(np.stack([encoded[n][k] for n in request])) for k in encoded[0]})
        for at, number in enumerate(numbers[n] for n in request):
            expected, prediction = judge.expected(number), {}
            for key, value in together.items():  # what is as large as its image is padded to the largest one
                inside = tuple(slice(0, side) for side in expected[key].shape[1:])
                prediction[key] = value[at : at + 1].numpy()[(slice(None), *inside)]
            yield from judge.predictions("serving_bytes", number, prediction)


def _sent(inputs, sample):
    """One example of serving inputs, batched -> as `serving_bytes` takes it, without batch axis."""
    sent = {}
    for key, group in groups(inputs).items():
        kind, values = kind_of(inputs[key]), {k: sample[k][0] for k in group}
        sent |= {key + ENCODED: np.array(kind.encode(values), object)} if kind.is_encoded else values
    return sent


def _check_features(signature, judge):
    """Features must be the embedding of the trained model, example by example."""
    for number, sample in enumerate(judge.samples):
        features = signature(**{k: tf.constant(v) for k, v in sample.items()})["features"].numpy()
        wanted = judge.embedding(number)
        # far above float32's rounding, and far below what another order or another example does to them
        if features.shape != wanted.shape or np.abs(features - wanted).max() > 1e-3 * max(1.0, np.abs(wanted).max()):
            yield f"{FEATURES} gives other features than the trained model's embedding"
            return


def saved_model_signature(path, name="serving_default"):
    """Inputs and outputs of a signature."""
    held = meta_graph(path).signature_def[name]

    def rows(tensors):
        shapes = {k: [None if d.size < 0 else d.size for d in t.tensor_shape.dim] for k, t in tensors.items()}
        return {k: {"dtype": tf.as_dtype(tensors[k].dtype).name, "shape": shapes[k]} for k in sorted(tensors)}

    return {"inputs": rows(held.inputs), "outputs": rows(held.outputs)}


def saved_model_ops(path):
    """Operator name -> count, over all functions of a SavedModel."""
    counts = {}
    for function in meta_graph(path).graph_def.library.function:
        for node in function.node_def:
            counts[node.op] = counts.get(node.op, 0) + 1
    return dict(sorted(counts.items()))


class SavedModelRunner(Runner):
    """A SavedModel through one of its signatures, the default one, as TF Serving would call it."""

    takes_prepared = False

    def __init__(self, path, arch, signature="serving_default"):
        super().__init__(arch)
        self._model = tf.saved_model.load(str(path))
        self._signature = self._model.signatures[signature]
        # structured_input_signature names the inputs as they were saved
        self._names = list(self._signature.structured_input_signature[1])

    @property
    def signatures(self):
        """Name -> function, of all that the file answers to."""
        return self._model.signatures

    def call(self, name, inputs):
        if name not in self._model.signatures:
            return super().call(name, inputs)
        return {k: v.numpy() for k, v in self._model.signatures[name](**_tensors(inputs)).items()}

    def infer(self, inputs):
        prediction = self._signature(**{k: tf.constant(inputs[k]) for k in self._names})
        return {k: v.numpy() for k, v in prediction.items()}
