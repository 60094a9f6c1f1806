"""TensorFlow Serving's REST API on starlette, and the server's own: health, metrics, drift and a page."""

import asyncio
import contextlib
import dataclasses
import json
import re
import traceback

from anyio import CapacityLimiter, to_thread
from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from kerasvision.serve import examples, messages, page, tensors
from kerasvision.serve.answering import here
from kerasvision.serve.guard import check_token
from kerasvision.serve.log import HEADER, request_id
from kerasvision.serve.openapi import document_of
from kerasvision.serve.outputs import dump_outputs
from kerasvision.serve.status import Code, ServingError, invalid

LARGEST_BODY = 64 * 2**20  # bytes
BODIES = 8  # of the largest ones that are held at once
SLOW = 16  # threads for requests that wait in one
SMALL_BODY = 2**18  # bytes that are read and written in less than a millisecond
BODY_SECONDS = 30.0  # for a body to come in whole: a slow client must not hold a place for ever
_JSON = "application/json"
# versions and labels as in TensorFlow Serving's own patterns, which do not mind upper and lower case
_ASK = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?:(classify|regress|predict)", re.IGNORECASE)
_STATUS = re.compile(r"/v1/models(?:/([^/:]+))?(?:/versions/(\d+)|/labels/([^/:]+))?(/metadata)?", re.IGNORECASE)
_METHODS = {"classify": examples.CLASSIFY, "regress": examples.REGRESS}


@dataclasses.dataclass(frozen=True)
class _Question:
    """A POST request. verb: predict, classify, regress or draw. seen: the observer's."""

    name: str
    version: int | None
    label: str
    verb: str
    body: bytes
    seen: object


class Rest:
    """The application. answering: `Answering`. observer: `Observer`. largest_body: bytes of a request. token: see
    `guard.check_token`.
    """

    def __init__(self, answering, observer, largest_body=LARGEST_BODY, token=""):
        self._answering, self._models = answering, answering.models
        self._observer, self._metrics, self._log = observer, observer.metrics, observer.log
        self._largest_body, self._token = largest_body, token
        limits = answering.engine.limits
        self._busy, self._most = 0, limits.bound + limits.workers * limits.largest
        self._bytes, self._slow = 0, CapacityLimiter(SLOW)
        self.draining = False
        self.app = Starlette(
            routes=[
                Route("/", self._page),
                Route("/healthz", self._alive),
                Route("/readyz", self._ready),
                Route("/openapi.json", self._guarded(self._openapi)),
                Route("/metrics", self._guarded(self._text)),
                Route("/drift", self._guarded(self._drift)),
                Route("/overview", self._guarded(self._overview)),
                Route("/draw/{name}", self._guarded(self._draw), methods=["POST"]),
                Route("/v1/{rest:path}", self._guarded(self._v1), methods=["GET", "POST"]),
            ],
            exception_handlers={HTTPException: _malformed},
        )

    def _guarded(self, answer):
        """An endpoint that asks for the token; what it refuses becomes JSON with the status of the code. Every answer
        names its request.
        """

        async def guarded(request):
            request.state.headers = dict(request.headers) | {HEADER: request_id(request.headers)}
            try:
                check_token(request.headers.get("authorization", ""), self._token)
                response = await answer(request)
            except ServingError as error:
                response = JSONResponse({"error": str(error)}, error.code.http)
            except ClientDisconnect:
                response = Response(status_code=499)
            except Exception:  # a mistake of ours: the log says where, the client that it was not the client's
                self._log.event(f"request {request.state.headers[HEADER]}: {traceback.format_exc()}")
                response = JSONResponse({"error": "internal error"}, Code.INTERNAL.http)
            response.headers[HEADER] = request.state.headers[HEADER]
            return response

        return guarded

    async def _page(self, request):
        return HTMLResponse(page.html(), headers={"Content-Security-Policy": page.POLICY})

    async def _alive(self, request):
        return Response("ok\n")

    async def _ready(self, request):
        is_ready = self._models.ready and not self.draining
        return Response("ready\n" if is_ready else "not ready\n", 200 if is_ready else 503)

    async def _openapi(self, request):
        return JSONResponse(document_of(self._models.names(), bool(self._token)))

    async def _text(self, request):
        text = await run_in_threadpool(self._metrics.text, self._models, self._answering.engine.waiting)
        return Response(text, media_type="text/plain; version=0.0.4")

    async def _drift(self, request):
        rows = await run_in_threadpool(lambda: {f"{n}/{v}": r for n, v, r in self._models.drift()})
        return JSONResponse(rows)

    async def _overview(self, request):
        waiting = self._answering.engine.waiting
        return JSONResponse(await run_in_threadpool(page.overview, self._models, self._metrics, waiting))

    async def _draw(self, request):
        version = request.query_params.get("version", "")
        if version and not version.isdecimal():
            raise invalid(f"Failed to convert version: {version} to numeric.")
        async with self._answered(request) as (seen, body):
            question = _Question(request.path_params["name"], _number(version), "", "draw", body, seen)
            return JSONResponse(await to_thread.run_sync(self._drawn, question, limiter=self._slow))

    async def _v1(self, request: Request):
        path = request.scope["path"]
        if request.method == "POST" and (found := _ASK.fullmatch(path)):
            name, version, label, verb = found.groups()
            async with self._answered(request) as (seen, body):
                question = _Question(name, _number(version), label or "", verb.lower(), body, seen)
                if question.verb == "predict":
                    answer = await self._predict(question)
                else:
                    answer = await to_thread.run_sync(self._evaluate, question, limiter=self._slow)
            return Response(answer, media_type=_JSON)
        if request.method == "GET" and (found := _STATUS.fullmatch(path)):
            return Response(await run_in_threadpool(self._look, *found.groups()), media_type=_JSON)
        raise invalid(f"Malformed request: {request.method} {path}")

    @contextlib.asynccontextmanager
    async def _answered(self, request):
        """Around a request that a model is asked: yields (what is seen of it, its body). Beyond so many at once, or so
        many bytes of them, it is refused before it costs anything.
        """
        with self._observer.request("rest", request.state.headers) as seen:
            if self._busy >= self._most:
                text = f"{self._busy} requests are being answered, and {self._most} may; try again later"
                raise ServingError(Code.RESOURCE_EXHAUSTED, text)
            self._busy += 1
            held = []
            try:
                yield seen, await self._body(request, held)
            finally:
                self._busy -= 1
                self._bytes -= sum(map(len, held))

    async def _body(self, request, parts):
        """The whole body, of a bounded size whatever its header says. parts: gets what has come of it."""
        too_large = ServingError(
            Code.RESOURCE_EXHAUSTED, f"a request may have {self._largest_body} bytes; send fewer instances at once"
        )
        with contextlib.suppress(ValueError):
            if int(request.headers.get("content-length", 0)) > self._largest_body:
                raise too_large
        size = 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for part in request.stream():
                    size += len(part)
                    if size > self._largest_body:
                        raise too_large
                    parts.append(part)
                    self._bytes += len(part)
                    if self._bytes > BODIES * self._largest_body:
                        text = f"{self._bytes} bytes of requests are being read; try again later"
                        raise ServingError(Code.RESOURCE_EXHAUSTED, text)
        except TimeoutError:
            raise ServingError(Code.DEADLINE_EXCEEDED, f"the body did not come in {BODY_SECONDS:g} seconds") from None
        return b"".join(parts)

    def _opened(self, question):
        return self._answering.asked(question.seen, question.name, question.version, question.label)

    async def _predict(self, question):
        apart = run_in_threadpool if len(question.body) > SMALL_BODY else here
        with self._opened(question) as asked:
            inputs, signature, in_rows = await apart(_read, asked.servable, question.body)
            outputs = await asked.predict_later(inputs, signature)
            large = sum(value.nbytes for value in outputs.values()) > SMALL_BODY
            return await (run_in_threadpool if large else here)(dump_outputs, outputs, in_rows)

    def _evaluate(self, question):
        """Classify or regress."""
        method = _METHODS[question.verb]
        with self._opened(question) as asked:
            document = tensors.parse(question.body)
            signature, serialized = tensors.signature_of(document), examples.read_examples(document)
            result = examples.evaluate(asked, method, serialized, signature)
        return json.dumps({"results": method.rows(result)})

    def _drawn(self, question):
        with self._opened(question) as asked:
            return page.draw(asked, question.body)

    def _look(self, name, version, label, metadata):
        if not name:
            raise invalid("Missing model name in request.")
        number = _number(version)
        if metadata:
            with self._models.servable(name, number, label or "") as servable:
                return _message(messages.metadata_of(servable))
        if label:
            with self._models.servable(name, None, label) as servable:
                number = servable.version
        return _message(messages.status_of(self._models.status(name, number)))


def _read(servable, body):
    """(inputs, signature, whether in rows) of a predict request's bytes."""
    document = tensors.parse(body)
    signature = tensors.signature_of(document)
    inputs, in_rows = tensors.read_inputs(document, servable.inputs_of(signature))
    return inputs, signature, in_rows


def _malformed(request, error):
    """What no route takes."""
    return JSONResponse({"error": f"Malformed request: {request.method} {request.scope['path']}"}, error.status_code)


def _number(text):
    """int of a version, or None. TensorFlow Serving's are int64."""
    if not text:
        return None
    if len(text) > 19 or int(text) >= 2**63:
        raise invalid(f"Failed to convert version: {text} to numeric.")
    return int(text)


def _message(message):
    """A protocol buffer as TensorFlow Serving prints it."""
    held = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return json.dumps(held, indent=1)
