"""TensorFlow Serving's REST API on starlette: predict, status and metadata under /v1/models, and /healthz, /readyz."""

import asyncio
import contextlib
import json
import re

from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kerasvision.serve import messages, tensors
from kerasvision.serve.guard import check_token
from kerasvision.serve.status import Code, ServingError, invalid

LARGEST_BODY = 64 * 2**20  # bytes
BODY_SECONDS = 30.0  # for a body to come in whole: a slow client must not hold a place for ever
_JSON = "application/json"
# versions and labels as in TensorFlow Serving's own patterns, which do not mind upper and lower case
_ASK = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?:(classify|regress|predict)", re.IGNORECASE)
_STATUS = re.compile(r"/v1/models(?:/([^/:]+))?(?:/versions/(\d+)|/labels/([^/:]+))?(/metadata)?", re.IGNORECASE)


class Rest:
    """The application. engine: answers (servable, inputs, signature) -> outputs. largest_body: bytes of a request.
    token: see `guard.check_token`.
    """

    def __init__(self, models, engine, metrics, largest_body=LARGEST_BODY, token=""):
        self.models, self.engine, self.metrics, self.largest_body = models, engine, metrics, largest_body
        self._token = token
        self.draining = False
        self.app = Starlette(
            routes=[
                Route("/healthz", self._alive),
                Route("/readyz", self._ready),
                Route("/metrics", self._guarded(self._metrics)),
                Route("/drift", self._guarded(self._drift)),
                Route("/v1/{rest:path}", self._guarded(self._v1), methods=["GET", "POST"]),
            ]
        )

    def _guarded(self, answer):
        """An endpoint that asks for the token; what it refuses becomes JSON with the status of the code."""

        async def guarded(request):
            try:
                check_token(request.headers.get("authorization", ""), self._token)
                return await answer(request)
            except ServingError as error:
                return JSONResponse({"error": str(error)}, error.code.http)
            except ClientDisconnect:
                return Response(status_code=499)

        return guarded

    async def _alive(self, request):
        return Response("ok\n")

    async def _ready(self, request):
        is_ready = self.models.ready and not self.draining
        return Response("ready\n" if is_ready else "not ready\n", 200 if is_ready else 503)

    async def _metrics(self, request):
        text = await run_in_threadpool(self.metrics.text, self.models, self.engine.waiting)
        return Response(text, media_type="text/plain; version=0.0.4")

    async def _drift(self, request):
        rows = await run_in_threadpool(lambda: {f"{n}/{v}": r for n, v, r in self.models.drift()})
        return JSONResponse(rows)

    async def _v1(self, request: Request):
        path = request.url.path
        if request.method == "POST" and (found := _ASK.fullmatch(path)):
            name, version, label, verb = found.groups()
            body = await self._body(request)
            return await run_in_threadpool(self._ask, name, _number(version), label or "", verb.lower(), body)
        if request.method == "GET" and (found := _STATUS.fullmatch(path)):
            return await run_in_threadpool(self._look, *found.groups())
        raise invalid(f"Malformed request: {request.method} {path}")

    async def _body(self, request):
        """The whole body, of a bounded size whatever its header says."""
        too_large = ServingError(
            Code.RESOURCE_EXHAUSTED, f"a request may have {self.largest_body} bytes; send fewer instances at once"
        )
        with contextlib.suppress(ValueError):
            if int(request.headers.get("content-length", 0)) > self.largest_body:
                raise too_large
        parts, size = [], 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for part in request.stream():
                    size += len(part)
                    if size > self.largest_body:
                        raise too_large
                    parts.append(part)
        except TimeoutError:
            raise ServingError(Code.DEADLINE_EXCEEDED, f"the body did not come in {BODY_SECONDS:g} seconds") from None
        return b"".join(parts)

    def _ask(self, name, version, label, verb, body):
        if verb != "predict":
            raise ServingError(
                Code.UNIMPLEMENTED, f"{verb} takes tf.Example, and no signature of an image model does; use :predict"
            )
        with self.metrics.request("rest") as seen, self.models.servable(name, version, label) as servable:
            seen.of = servable
            document = tensors.parse(body)
            signature = tensors.signature_of(document)
            inputs, in_rows = tensors.read_inputs(document, servable.inputs_of(signature))
            outputs = self.engine.predict(servable, inputs, signature)
            if servable.watch:
                servable.watch.see(inputs, outputs)
        return Response(tensors.dump_outputs(outputs, in_rows), media_type=_JSON)

    def _look(self, name, version, label, metadata):
        if not name:
            raise invalid("Missing model name in request.")
        if metadata:
            with self.models.servable(name, _number(version), label or "") as servable:
                message = messages.metadata_of(servable)
            return Response(_message(message), media_type=_JSON)
        number = _number(version)
        if label:
            with self.models.servable(name, None, label) as servable:
                number = servable.version
        return Response(_message(messages.status_of(self.models.status(name, number))), media_type=_JSON)


def _number(text):
    """int of a version, or None. TensorFlow Serving's are int64."""
    if not text:
        return None
    if int(text) >= 2**63:
        raise invalid(f"Failed to convert version: {text} to numeric.")
    return int(text)


def _message(message):
    """A protocol buffer as TensorFlow Serving prints it."""
    held = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return json.dumps(held, indent=1)
