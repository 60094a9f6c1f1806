"""A client of TensorFlow Serving's APIs, of the embedded server and of the real one alike."""

import base64
import dataclasses
import functools
import json
import pathlib
import random
import time
import urllib.parse

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.serve.status import Code, ServingError

AGAIN = (Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED)  # worth another try
LONGEST_PAUSE = 2.0  # seconds between two tries
# an answer of masks is larger than gRPC's 4 MB, and a server that has come back is found within a second
_CHANNEL = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


@dataclasses.dataclass(frozen=True)
class Client:
    """A client of one server. address: "http://host:8501" or "https://..." for REST, "grpc://host:8500" or
    "grpcs://..." for gRPC.

    deadline: seconds of a call, its repetitions included. tries: calls at most, where the server is away or full.
    pause: seconds before the second try at most, doubled for each further one up to 2 s; how long within that is drawn,
    so that clients do not come back together. token: the bearer token of a server that wants one. certificate: a PEM
    file to trust in place of the system's. canary: a label that gets a share (0 to 1) of the calls that name no
    version, each drawn by itself; where no version has the label, they go where all others go.

    Threads may share a client, which keeps its connections: use it as a context manager, or `close` it.
    """

    address: str
    deadline: float = 10.0
    tries: int = 4
    pause: float = 0.1
    token: str = ""
    certificate: str = ""
    canary: str = ""
    share: float = 0.0

    def __post_init__(self):
        if urllib.parse.urlsplit(self.address).scheme not in ("http", "https", "grpc", "grpcs"):
            raise UsageError(f"{self.address}: an address begins with http://, https://, grpc:// or grpcs://")
        if not 0 <= self.share <= 1:
            raise UsageError(f"share={self.share}: allowed: 0 to 1")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        """Close the connections; the next call opens others."""
        for name, end in (("_pool", "clear"), ("_channel", "close")):
            if opened := self.__dict__.pop(name, None):
                getattr(opened, end)()

    def predict(self, model, inputs, version=None, label="", signature=""):
        """Output name -> numpy array [B, ...].

        model: its name. inputs: name -> array or list with a batch axis; encoded images are bytes. version: a number;
        label: such as "stable"; neither: the newest. signature: its name, "" for the default one. Raises `ServingError`
        with a `status.Code`: the server's, UNAVAILABLE or DEADLINE_EXCEEDED. Over REST a single output, which has no
        name there, is called "outputs".
        """
        arrays = {key: _array(value) for key, value in inputs.items()}
        ask = self._over_grpc if self.address.startswith("grpc") else self._over_rest
        is_free = version is None and not label
        if is_free and self.canary and random.Random().random() < self.share:  # noqa: S311 (no secret)
            try:
                return self._repeated(lambda seconds: ask(seconds, model, arrays, None, self.canary, signature))
            except ServingError as error:
                if "version label" not in str(error):
                    raise
        return self._repeated(lambda seconds: ask(seconds, model, arrays, version, label, signature))

    def predict_many(self, model, inputs, batch=32, version=None, label="", signature=""):
        """`predict` of any number of examples, `batch` at a time, joined."""
        count = len(next(iter(inputs.values())))
        rows = [{k: v[i : i + batch] for k, v in inputs.items()} for i in range(0, count, batch)]
        parts = [self.predict(model, row, version, label, signature) for row in rows]
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def search(self, index, pictures=(), top=5, label="", path="", after="", before="", texts=()):
        """The `top` nearest items of an index that the embedded server searches, a list for each picture or text: dicts
        with their number, path, cosine and what else the index keeps.

        pictures: bytes of files; or texts: words to look for, of an index by a model of pictures and words. The rest
        filters, as of `index query`. Over REST alone. Raises `ServingError` as `predict`.
        """
        if isinstance(texts, str) or isinstance(pictures, bytes):
            raise UsageError("search takes lists: texts=[text], pictures=[bytes]")
        if bool(len(pictures)) == bool(len(texts)):
            raise UsageError("search takes pictures or texts, one or more; call it once for each kind")
        if self.address.startswith("grpc"):
            raise UsageError(f"{self.address}: indexes are searched over REST; give http:// and that port")
        asked = {"texts": list(texts)} if len(texts) else {"instances": _jsonable(_array(list(pictures)))}
        document = asked | {"top": top} | {"label": label, "path": path, "after": after, "before": before}
        place = f"/v1/indexes/{urllib.parse.quote(index)}:search"
        return self._repeated(lambda seconds: self._post(seconds, place, document))["results"]

    def _repeated(self, call):
        ends, tried = time.monotonic() + self.deadline, 0
        while True:
            try:
                return call(max(0.001, ends - time.monotonic()))
            except ServingError as error:
                tried += 1
                most = min(LONGEST_PAUSE, self.pause * 2 ** min(tried, 20))
                pause = random.Random().uniform(0, most)  # noqa: S311 (no secret)
                if error.code not in AGAIN or tried >= self.tries or time.monotonic() + pause > ends:
                    raise
                time.sleep(pause)

    def _over_rest(self, seconds, model, inputs, version, label, signature):
        which = f"/versions/{version}" if version is not None else f"/labels/{label}" if label else ""
        document = {"signature_name": signature} | {"inputs": {k: _jsonable(v) for k, v in inputs.items()}}
        outputs = self._post(seconds, f"/v1/models/{urllib.parse.quote(model)}{which}:predict", document)["outputs"]
        held = outputs if isinstance(outputs, dict) else {"outputs": outputs}
        return {key: np.array(value) for key, value in held.items()}

    def _post(self, seconds, place, document):
        """The JSON object that the server answers to one."""
        import urllib3

        url, body = self.address.rstrip("/") + place, json.dumps(document).encode("utf-8")
        headers = {"Content-Type": "application/json"} | self._headers()
        try:
            response = self._pool.request("POST", url, body=body, headers=headers, timeout=seconds)
        except urllib3.exceptions.HTTPError as error:
            refused = isinstance(error, urllib3.exceptions.NewConnectionError)  # which counts as a timeout there
            if isinstance(error, urllib3.exceptions.TimeoutError) and not refused:
                text = f"{self.address} did not answer in {seconds:.1f} s"
                raise ServingError(Code.DEADLINE_EXCEEDED, text) from None
            raise ServingError(Code.UNAVAILABLE, f"{self.address} cannot be reached: {error}") from None
        return _read(response.status, response.data, self.address)

    @functools.cached_property
    def _pool(self):
        import urllib3

        return urllib3.PoolManager(maxsize=64, retries=False, ca_certs=self.certificate or None)

    def _headers(self):
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def _over_grpc(self, seconds, model, inputs, version, label, signature):
        import grpc
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = model, signature
        if version is not None:
            request.model_spec.version.value = version
        elif label:
            request.model_spec.version_label = label
        for key, value in inputs.items():
            request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
        metadata = [("authorization", f"Bearer {self.token}")] if self.token else []
        stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        try:
            response = stub.Predict(request, timeout=seconds, metadata=metadata)
        except grpc.RpcError as error:
            code = Code.__members__.get(error.code().name, Code.INTERNAL)
            raise ServingError(code, error.details()) from None
        return {key: tf.make_ndarray(value) for key, value in response.outputs.items()}

    @functools.cached_property
    def _channel(self):
        import grpc

        scheme, _, place = self.address.partition("://")
        if scheme == "grpc":
            return grpc.insecure_channel(place, _CHANNEL)
        trusted = pathlib.Path(self.certificate).read_bytes() if self.certificate else None
        return grpc.secure_channel(place, grpc.ssl_channel_credentials(trusted), _CHANNEL)


def _array(value):
    """bytes stay objects: numpy's own strings of bytes lose zeros at their end."""
    if isinstance(value, np.ndarray):
        return value
    first = value[0] if len(value) else None
    return np.array(value, object) if isinstance(first, bytes | str) else np.asarray(value)


def _jsonable(value):
    if value.dtype.kind in "OSU":
        flat = [v.encode() if isinstance(v, str) else v for v in value.reshape(-1)]
        encoded = np.array([{"b64": base64.b64encode(v).decode("ascii")} for v in flat], object)
        return encoded.reshape(value.shape).tolist()
    return value.tolist()


def _read(status, text, address):
    """The JSON object of a response. Raises ServingError of one that refuses."""
    try:
        answer = json.loads(text)
    except ValueError:
        answer = {"error": text[:200].decode("utf-8", "replace")}
    if status != 200:
        code = next((code for code in Code if code.http == status), Code.INTERNAL)
        raise ServingError(code, answer.get("error", f"{address} answered with HTTP status {status}"))
    return answer
