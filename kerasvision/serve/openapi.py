"""The REST API as an OpenAPI document."""

PROMETHEUS = "/monitoring/prometheus/metrics"  # where TensorFlow Serving has it


def document_of(names, needs_token):
    """The JSON document, OpenAPI 3.1, of a server of models with these names."""
    from kerasvision import __version__

    document = {
        "openapi": "3.1.0",
        "info": {"title": "KerasVision serving", "version": __version__},
        "paths": _paths(),
        "components": {"parameters": _parameters(names), "schemas": _SCHEMAS, "responses": _RESPONSES},
    }
    if needs_token:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
    return document


def _parameters(names):
    return {
        "model": _in_path("model", {"type": "string", **({"enum": list(names)} if names else {})}),
        "version": _in_path("version", {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}),
        "index": _in_path("index", {"type": "string"}),
        "number": _in_path("number", {"type": "integer", "minimum": 0}),
        "label": _in_path("label", {"type": "string", "pattern": "^[A-Za-z0-9_.-]+$"}),
    }


def _in_path(name, schema):
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _json(schema):
    return {"application/json": {"schema": schema}}


def _ref(kind, name):
    return {"$ref": f"#/components/{kind}/{name}"}


_TENSOR = {"description": 'a number, text, true, false, {"b64": BASE64} or lists of one of them, all of one shape'}
_SIGNATURE = {"type": "string", "description": "the default signature where it is absent or empty"}
_SCHEMAS = {
    "Predict": {
        "oneOf": [
            {
                "type": "object",
                "required": ["instances"],
                "properties": {
                    "signature_name": _SIGNATURE,
                    "instances": {"type": "array", "minItems": 1, "items": _TENSOR},
                },
            },
            {
                "type": "object",
                "required": ["inputs"],
                "properties": {"signature_name": _SIGNATURE, "inputs": _TENSOR},
            },
        ]
    },
    "Examples": {
        "type": "object",
        "required": ["examples"],
        "properties": {
            "signature_name": _SIGNATURE,
            "context": {"type": "object"},
            "examples": {"type": "array", "minItems": 1, "items": {"type": "object"}},
        },
    },
    "Search": {
        "type": "object",
        "oneOf": [{"required": ["instances"]}, {"required": ["texts"]}, {"required": ["numbers"]}],
        "properties": {
            "instances": {"type": "array", "minItems": 1, "items": _TENSOR},
            "texts": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
            "numbers": {"type": "array", "minItems": 1, "maxItems": 1000, "items": {"type": "integer"}},
            "top": {"type": "integer", "minimum": 1, "maximum": 1000},
            **{name: {"type": "string"} for name in ("label", "path", "after", "before")},
        },
    },
    "Add": {
        "type": "object",
        "required": ["instances", "items"],
        "properties": {
            "instances": {"type": "array", "minItems": 1, "items": _TENSOR},
            "items": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["path"]}},
        },
    },
    "Remove": {
        "type": "object",
        "required": ["paths"],
        "properties": {"paths": {"type": "array", "minItems": 1, "items": {"type": "string"}}},
    },
    "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}},
}
_REFUSALS = {
    "400": "the request is wrong",
    "401": "the token is missing",
    "403": "the server was not started so that this may be changed",
    "404": "no such model, version or index",
    "429": "the queue is full, or the body too large",
    "500": "the graph or the server failed",
    "503": "the server is ending",
    "504": "not answered in time",
}
_RESPONSES = {
    f"refused{code}": {"description": text, "content": _json(_ref("schemas", "Error"))}
    for code, text in _REFUSALS.items()
}


def _operation(summary, answer, kind="application/json", body=None):
    """answer: the schema of a body of this kind. body: of the request, by its media type."""
    responses = {code: _ref("responses", f"refused{code}") for code in _REFUSALS}
    responses["200"] = {"description": "the answer", "content": {kind: {"schema": answer}}}
    held = {"summary": summary, "responses": responses}
    return held | ({"requestBody": {"required": True, "content": body}} if body else {})


def _paths():
    model, text = [_ref("parameters", "model")], {"type": "string"}
    paths = {
        "/overview": {"get": _operation("Models, versions, latency and drift", {"type": "object"})},
        "/drift": {"get": _operation("Drift of each version", {"type": "object"})},
        **{p: {"get": _operation("For Prometheus", text, "text/plain")} for p in ("/metrics", PROMETHEUS)},
        "/draw/{model}": {
            "parameters": model,
            "post": _operation(
                "A picture's or a text's prediction, drawn", {"type": "object"}, body={"application/octet-stream": {}}
            ),
        },
    }
    index = [_ref("parameters", "index")]
    paths["/v1/indexes"] = {"get": _operation("All indexes", {"type": "object"})}
    paths["/v1/indexes/{index}"] = {"parameters": index, "get": _operation("An index", {"type": "object"})}
    picture = _operation("A small picture of an item", {"type": "string"}, "image/png")
    one = [*index, _ref("parameters", "number")]
    paths["/v1/indexes/{index}/pictures/{number}"] = {"parameters": one, "get": picture}
    for verb in ("search", "add", "remove"):
        asked = _operation(verb, {"type": "object"}, body=_json(_ref("schemas", verb.capitalize())))
        paths[f"/v1/indexes/{{index}}:{verb}"] = {"parameters": index, "post": asked}
    for place, parameter in (("", None), ("/versions/{version}", "version"), ("/labels/{label}", "label")):
        base, held = f"/v1/models/{{model}}{place}", model + ([_ref("parameters", parameter)] if parameter else [])
        paths[base] = {"parameters": held, "get": _operation("Status", {"type": "object"})}
        paths[f"{base}/metadata"] = {"parameters": held, "get": _operation("Signatures", {"type": "object"})}
        for verb in ("predict", "explain", "classify", "regress"):
            body = _json(_ref("schemas", "Predict" if verb in ("predict", "explain") else "Examples"))
            paths[f"{base}:{verb}"] = {"parameters": held, "post": _operation(verb, {"type": "object"}, body=body)}
    return paths
