"""TensorFlow Serving's REST API on starlette, and the server's own: health, metrics, drift and a page."""

import contextlib
import dataclasses
import json
import re

from anyio import CapacityLimiter, to_thread
from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from kerasvision.serve import examples, explaining, indexes, messages, page, tensors
from kerasvision.serve.answering import here
from kerasvision.serve.bodies import LARGEST_BODY, Bodies
from kerasvision.serve.boundary import refusal
from kerasvision.serve.guard import check_token
from kerasvision.serve.log import HEADER, request_id
from kerasvision.serve.openapi import PROMETHEUS, document_of
from kerasvision.serve.outputs import dump_outputs
from kerasvision.serve.status import Code, ServingError, invalid

SLOW = 16  # threads for requests that wait in one
SMALL_BODY = 2**18  # bytes that are read and written in less than a millisecond
_ALIKE = ("GET", "HEAD")  # of which the second is answered without its body
_JSON = "application/json"
# versions and labels as in TensorFlow Serving's own patterns, which do not mind upper and lower case
_ASK = re.compile(
    r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?:(classify|regress|predict|explain)", re.IGNORECASE
)
_STATUS = re.compile(r"/v1/models(?:/([^/:]+))?(?:/versions/(\d+)|/labels/([^/:]+))?(/metadata)?", re.IGNORECASE)
_ANY = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]  # of which those that mean nothing are malformed
_METHODS = {"classify": examples.CLASSIFY, "regress": examples.REGRESS}


@dataclasses.dataclass(frozen=True)
class _Question:
    """A POST request. verb: predict, classify, regress, explain or draw. seen: the observer's."""

    name: str
    version: int | None
    label: str
    verb: str
    body: bytes
    seen: object


class Rest:
    """The starlette application. answering: `answering.Answering`. observer: `observing.Observer`. largest_body: bytes
    of a request. token: see `guard.check_token`. cors: the origin whose pages may send requests, "*" for any, "" for
    none. held: `indexes.Indexes`, or None.
    """

    def __init__(self, answering, observer, largest_body=LARGEST_BODY, token="", cors="", held=None):
        self._answering, self._models = answering, answering.models
        self._indexes = held or indexes.Indexes((), answering)
        self._observer, self._metrics, self._log = observer, observer.metrics, observer.log
        self._bodies, self._token = Bodies(largest_body), token
        limits = answering.engine.limits
        self._busy, self._most = 0, limits.bound + limits.workers * limits.largest
        self._slow = CapacityLimiter(SLOW)
        self.draining = False
        self.app = Starlette(
            routes=[
                Route("/", self._page),
                Route("/healthz", self._alive),
                Route("/readyz", self._ready),
                Route("/openapi.json", self._guarded(self._openapi)),
                Route("/metrics", self._guarded(self._text)),
                Route(PROMETHEUS, self._guarded(self._text)),
                Route("/drift", self._guarded(self._drift)),
                Route("/overview", self._guarded(self._overview)),
                Route("/draw/{name}", self._guarded(self._draw), methods=["POST"]),
                Route("/v1/{rest:path}", self._guarded(self._v1), methods=_ANY),
            ],
            middleware=_cors(cors),
            exception_handlers={HTTPException: _malformed},
        )

    def _guarded(self, answer):
        """An endpoint that wants the token and whose errors become JSON with the HTTP status of their code. Every
        response has its `X-Request-Id`.
        """

        async def guarded(request):
            request.state.headers = dict(request.headers) | {HEADER: request_id(request.headers)}
            try:
                check_token(request.headers.get("authorization", ""), self._token)
                response = await answer(request)
            except ClientDisconnect:
                response = Response(status_code=499)
            except Exception as error:
                told = refusal(error, self._log, f"request {request.state.headers[HEADER]}")
                response = JSONResponse({"error": str(told)}, told.code.http)
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
        text = await run_in_threadpool(self._metrics.text, self._models, self._answering.engine)
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
        if request.method in _ALIKE and (found := indexes.PICTURE.fullmatch(path)):
            asked = self._indexes.picture, found[1], int(found[2])
            return Response(await to_thread.run_sync(*asked, limiter=self._slow), media_type="image/png")
        if found := indexes.PATH.fullmatch(path):
            return await self._index(request, *found.groups())
        if request.method in _ALIKE and (found := _STATUS.fullmatch(path)):
            return Response(await run_in_threadpool(self._look, *found.groups()), media_type=_JSON)
        raise invalid(f"Malformed request: {request.method} {path}")

    async def _index(self, request, name, verb):
        if request.method in _ALIKE and not verb:
            return JSONResponse(await run_in_threadpool(self._indexes.status, name))
        if request.method != "POST" or not verb or not name:
            raise invalid(f"Malformed request: {request.method} {request.scope['path']}")
        async with self._answered(request) as (seen, body):
            asked = self._indexes.respond, seen, name, verb, body
            return Response(await to_thread.run_sync(*asked, limiter=self._slow), media_type=_JSON)

    @contextlib.asynccontextmanager
    async def _answered(self, request):
        """A context manager around a request to a model: gives (its `observing.Seen`, its body). A request beyond so
        many at once, or so many bytes of them, is refused before it costs anything.
        """
        with self._observer.request("rest", request.state.headers) as seen:
            if self._busy >= self._most:
                text = f"{self._busy} requests are being answered, and {self._most} may; try again later"
                raise ServingError(Code.RESOURCE_EXHAUSTED, text)
            self._busy += 1
            try:
                async with self._bodies.of(request) as body:
                    yield seen, body
            finally:
                self._busy -= 1

    def _opened(self, question):
        return self._answering.predictor(question.seen, question.name, question.version, question.label)

    async def _predict(self, question):
        apart = run_in_threadpool if len(question.body) > SMALL_BODY else here
        with self._opened(question) as predictor:
            inputs, signature, in_rows = await apart(_read, predictor.servable, question.body)
            outputs = await predictor.predict_later(inputs, signature)
            large = sum(value.nbytes for value in outputs.values()) > SMALL_BODY
            return await (run_in_threadpool if large else here)(dump_outputs, outputs, in_rows)

    def _evaluate(self, question):
        """Classify, regress or explain."""
        with self._opened(question) as predictor:
            if question.verb == "explain":
                return explaining.explain(predictor, question.body)
            method = _METHODS[question.verb]
            document = tensors.parse(question.body)
            signature, serialized = tensors.signature_of(document), examples.read_examples(document)
            result = examples.evaluate(predictor, method, serialized, signature)
        return json.dumps({"results": method.rows(result)})

    def _drawn(self, question):
        with self._opened(question) as predictor:
            return page.draw(predictor, question.body)

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


def _cors(origin):
    """The middleware that lets pages of another origin send requests
    (https://fetch.spec.whatwg.org/#http-cors-protocol).
    """
    if not origin:
        return []
    sent = ["Authorization", "Content-Type", "Content-Encoding", HEADER]
    rules = {"allow_origins": [origin], "allow_methods": ["GET", "POST"], "allow_headers": sent}
    return [Middleware(CORSMiddleware, **rules, expose_headers=[HEADER])]


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
