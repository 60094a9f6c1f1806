"""A SavedModel as TensorFlow Serving and KServe want it: numbered versions, warm-up requests, configuration."""

import dataclasses
import pathlib
import typing

import tensorflow as tf

from kerasvision.core.files import write_text
from kerasvision.core.registry import exporters
from kerasvision.export.base import Exporter
from kerasvision.export.goldens import same_inputs
from kerasvision.export.package import deployment, labels
from kerasvision.export.targets.saved_model import (
    SavedModel,
    SavedModelRunner,
    check_signatures,
    of_words,
    saved_model_ops,
    saved_model_signature,
    with_words,
    written_saved_model,
)

WARMUP = pathlib.Path("assets.extra") / "tf_serving_warmup_requests"
WARMUP_REQUESTS = 3


@exporters.register("tf_serving")
@dataclasses.dataclass(frozen=True)
class TFServing(Exporter):
    """`saved_models/<name>/<version>/` with warm-up requests, beside it `models.config`, `compose.yaml`,
    `batching.config`, `alerts.yaml` and `kserve/<name>.yaml`.

    An export to both `saved_model` and `tf_serving` writes one SavedModel. explain, suspect: as of `SavedModel`.
    """

    home: typing.ClassVar[str] = SavedModel.home
    contract_path: typing.ClassVar[str] = SavedModel.contract_path
    inside: typing.ClassVar[str] = SavedModel.inside

    explain: bool = False
    suspect: bool = False

    @property
    def spec(self):
        return with_words("tf_serving", self)

    @classmethod
    def from_spec(cls, options):
        return of_words(cls, options) or super().from_spec(options)

    def write(self, job):
        path = written_saved_model(job, self.explain, self.suspect)
        _write_warmup(path / WARMUP, job)
        return path

    def open(self, path, arch):
        return ServingRunner(path, arch)

    def look_inside(self, path, graph):
        return SavedModel().look_inside(path, graph)

    def ops(self, path):
        return saved_model_ops(path)

    def signature(self, path):
        return saved_model_signature(path)

    def functions(self, path, names):
        return {name: saved_model_signature(path, name) for name in names}

    def check(self, path, runner, judge):
        yield from super().check(path, runner, judge)
        yield from check_signatures(path, runner.signatures, judge)
        yield from _check_warmup(path, runner, judge)

    def finish(self, job, out):
        folder = out / "saved_models"
        labels.write(folder, labels.history(folder))
        write_text(folder / "compose.yaml", deployment.COMPOSE)
        write_text(folder / deployment.BATCHING_FILE, deployment.BATCHING)
        write_text(folder / "alerts.yaml", deployment.ALERTS)
        write_text(folder / "kserve" / f"{job.name}.yaml", deployment.kserve(job.name))


def _write_warmup(path, job):
    """A few real requests, which the server runs before it is ready, so that the first user waits for no tracing."""
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for sample in job.samples[:WARMUP_REQUESTS]:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = job.name
            request.model_spec.signature_name = "serving_default"
            for key, value in sample.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log_pb2.PredictLog(request=request)
            writer.write(prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())


def warmup_requests(path):
    """Yields (inputs, name of the signature) of a SavedModel's warm-up requests; none where it has no file of them."""
    from tensorflow_serving.apis import prediction_log_pb2

    if not (path / WARMUP).exists():
        return
    for record in tf.data.TFRecordDataset(str(path / WARMUP)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        yield {k: tf.make_ndarray(v) for k, v in request.inputs.items()}, request.model_spec.signature_name


def _check_warmup(path, runner, judge):
    """Each request is a real example, and the model answers it."""
    requests = list(warmup_requests(path))
    real = judge.samples[:WARMUP_REQUESTS]
    if len(requests) != len(real):
        yield f"has {len(requests)} warm-up requests in place of {len(real)}"
        return
    for number, ((inputs, signature), sample) in enumerate(zip(requests, real, strict=True)):
        if signature != "serving_default" or not same_inputs(inputs, sample):
            yield "has other warm-up requests than the real examples that they were made of"
            return
        yield from judge.predictions("a warm-up request", number, runner.infer(inputs))


class ServingRunner(SavedModelRunner):
    """The SavedModel after its own warm-up requests, as the server runs them before it is ready."""

    def __init__(self, path, arch):
        super().__init__(path, arch)
        for inputs, _ in warmup_requests(path):
            self.infer(inputs)
