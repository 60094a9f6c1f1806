"""`kerasvision serve [DIR]`: models of a folder behind TensorFlow Serving's REST and gRPC APIs."""

import functools
import os
import pathlib
import re
import shutil
import ssl
import sys

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.serve.limits import DEADLINE, limits_of

HELP = "serve exported models through TensorFlow Serving's REST and gRPC APIs"
_ORIGIN = re.compile(r"https?://[^/?#\s@]+", re.IGNORECASE)
_BATCHES = {
    "max_batch_size": "examples of a batch at most (default: 32)",
    "batch_timeout_micros": "how long a request waits for others to join its batch (default: 0)",
    "max_enqueued_batches": "batches of the largest size that may wait; beyond them a request is refused (default: 8)",
    "num_batch_threads": "batches that are computed at once (default: 2)",
}
BINARY, EVERYWHERE = "tensorflow_model_server", "0.0.0.0"  # noqa: S104 (what is asked for)


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("folder", nargs="?", default="saved_models", metavar="DIR", help="(default: saved_models)")
    parser.add_argument(
        "--engine",
        choices=("auto", "tensorflow_serving", "embedded"),
        default="auto",
        help=f"with --host {EVERYWHERE}, {BINARY} where it is on PATH, else the embedded server (auto); or the one "
        "named",
    )
    parser.add_argument("--rest-api-port", type=int, default=8501, metavar="P", help="(default: 8501)")
    parser.add_argument("--port", type=int, default=8500, metavar="P", help="of gRPC (default: 8500)")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: this machine alone, 127.0.0.1)")
    parser.add_argument(
        "--model-config-file", metavar="FILE", help="a models.config, in place of all models of the folder"
    )
    parser.add_argument("--token-file", metavar="FILE", help="every request must carry the token in this file")
    parser.add_argument("--certificate", metavar="PEM", help="for TLS on both ports, with --key")
    parser.add_argument("--key", metavar="PEM", help="the certificate's private key")
    parser.add_argument("--trust", metavar="PEM", help="load only versions that this public key's owner has signed")
    parser.add_argument(
        "--log", choices=("text", "json"), default="text", help="lines for people, or JSON with a line each request"
    )
    parser.add_argument("--cors", metavar="ORIGIN", help="pages of this origin may ask over REST; '*' for any page")
    text = "search an index, for which the model of this name embeds: POST /v1/indexes/NAME:search; may be repeated"
    parser.add_argument("--index", action="append", default=[], metavar="INDEX=MODEL", help=text)
    text = "requests with the token may add to indexes and remove from them; nobody else may while the server runs"
    parser.add_argument("--writable", action="store_true", help=text)
    parser.add_argument("--poll", type=float, default=1.0, help="seconds between looks for new versions (default: 1)")
    _configure_batches(parser)


def _configure_batches(parser):
    """The flags of batches and of the queue, by TensorFlow Serving's names where it has one."""
    text = "a batching.config of TensorFlow Serving; the flags below count before it"
    parser.add_argument("--batching-parameters-file", metavar="FILE", help=text)
    for name, text in _BATCHES.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N", help=text)
    text = "fill batches up to one of these sizes, such as 1,8,32; the last is the maximum"
    parser.add_argument("--allowed-batch-sizes", metavar="N,N,...", help=text)
    text = f"a request that is not answered by then gets DEADLINE_EXCEEDED (default: {DEADLINE:g})"
    parser.add_argument("--deadline", type=float, metavar="SECONDS", help=text)


def run(args):
    """Serve until interrupted."""
    for flag, port in (("--rest-api-port", args.rest_api_port), ("--port", args.port)):
        if not 0 <= port <= 65535:
            raise UsageError(f"{flag} {port}: allowed: 0 (any free port) to 65535")
    if bool(args.certificate) != bool(args.key):
        raise UsageError("--certificate and --key go together")
    if args.poll <= 0:
        raise UsageError(f"--poll {args.poll:g}: seconds, more than 0")
    if args.cors and args.cors != "*" and not _ORIGIN.fullmatch(args.cors):
        raise UsageError(
            f"--cors {args.cors}: allowed: * or an origin as browsers send it, such as https://example.org"
        )
    if args.writable and not (args.index and args.token_file):
        raise UsageError(
            "--writable goes with --index INDEX=MODEL and --token-file FILE: else any page in a browser here could "
            "change the index"
        )
    guarded = _is_guarded(args)
    installed = None if guarded else shutil.which(BINARY)
    if installed and args.engine == "auto" and args.host != EVERYWHERE:
        # that server listens on every address, which nobody has asked for
        print(f"{BINARY} is installed, and is used with --host {EVERYWHERE}", file=sys.stderr)
        installed = None
    if args.engine == "tensorflow_serving" and not installed:
        raise UsageError(
            f"--engine tensorflow_serving: {BINARY} is not on PATH; leave --engine out for the embedded one"
        )
    if installed and args.engine != "embedded":
        return _serve_with(installed, args)
    return _serve_embedded(args)


def _is_guarded(args):
    """Whether something is asked for that the embedded server alone has; refused where the other one is named."""
    flags = args.token_file or args.certificate or args.trust or args.index or (args.cors not in (None, "*"))
    if not flags and args.deadline is None and all(value is None for value in _flags(args).values()):
        return False
    if args.engine == "tensorflow_serving":
        raise UsageError(
            "--token-file, --certificate, --trust, --index, --cors but for *, --deadline and the flags of batches are "
            f"the embedded server's; {BINARY} has none of them, but takes --batching-parameters-file"
        )
    return True


def _indexes(args):
    """[`indexes.Wanted`] of the flags."""
    from kerasvision.serve.indexes import Wanted

    for words in args.index:
        if not all(words.rpartition("=")):
            raise UsageError(f"--index {words}: write INDEX=MODEL, as in --index shop.index=emoji")
    return tuple(Wanted(pathlib.Path(folder), model) for folder, _, model in (w.rpartition("=") for w in args.index))


def _flags(args):
    """Field of a batching.config -> what its flag says, None where it was left out."""
    sizes = args.allowed_batch_sizes
    if sizes is not None and not re.fullmatch(r"\d{1,9}(,\d{1,9})*", sizes):
        raise UsageError(f"--allowed-batch-sizes {sizes}: allowed: numbers with commas between them, such as 1,8,32")
    sizes = None if sizes is None else tuple(map(int, sizes.split(",")))
    return {name: getattr(args, name) for name in _BATCHES} | {"allowed_batch_sizes": sizes}


def _serve_with(binary, args):
    """Replaces this process by TensorFlow Serving."""
    from kerasvision.export.package.labels import write_local
    from kerasvision.serve.models import configs_below

    if args.host != EVERYWHERE:
        print(f"{BINARY} listens on every address of this machine", file=sys.stderr)
    if not args.model_config_file:
        configs_below(args.folder)  # says what is wrong with the folder
    config, seconds = args.model_config_file or write_local(args.folder), max(1, round(args.poll))
    words = [binary, f"--rest_api_port={args.rest_api_port}", f"--port={args.port}", f"--model_config_file={config}"]
    words += [f"--file_system_poll_wait_seconds={seconds}", f"--model_config_file_poll_wait_seconds={seconds}"]
    words += [
        "--allow_version_labels_for_unavailable_models=true"
    ]  # a label and its version come with one configuration
    words += ["--rest_api_enable_cors_support=true"] if args.cors else []
    if file := args.batching_parameters_file:
        words += ["--enable_batching=true", f"--batching_parameters_file={file}"]
    os.execv(binary, words)  # noqa: S606 (the program that was asked for)


def _read(path):
    """A file's text, or one line."""
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    if not text.strip():
        raise UsageError(f"{path} is empty; write the token into it")
    return text


def _checked(path):
    """A PEM file's path, or ""."""
    if path and "-----BEGIN" not in _read(path):
        raise UsageError(f"{path} is no PEM file; it should begin with -----BEGIN")
    return path or ""


def _check_pair(certificate, key):
    """Refuses a key that is not the certificate's."""
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        raise UsageError(f"{key} is not the key of {certificate}: {error.reason}") from None


def _serve_embedded(args):
    from kerasvision.serve.models import configs_below

    limits = limits_of(_flags(args), args.batching_parameters_file, args.deadline)
    try:
        from kerasvision.serve.configs import read_config
        from kerasvision.serve.server import Server
    except ImportError as error:
        raise KerasVisionError(f"the embedded server needs {error.name}: pip install kerasvision[serve]") from None

    if args.model_config_file:
        configs, base = (
            functools.partial(read_config, args.model_config_file),
            pathlib.Path(args.model_config_file).parent,
        )
    else:
        configs_below(args.folder)  # says at once what is wrong with the folder
        configs, base = functools.partial(configs_below, args.folder), pathlib.Path(args.folder)
    server = Server(configs, _options(args, limits), base).start()
    scheme = "https" if args.certificate else "http"
    rest = f"{scheme}://{args.host}:{server.rest_port}"
    server.log.event(f"REST at {rest}/v1/models, gRPC at {args.host}:{server.grpc_port}, a page at {rest}/")
    server.wait()
    return 0


def _options(args, limits):
    """The embedded server's `Options`."""
    from kerasvision.serve.server import Options

    certificate, key = _checked(args.certificate), _checked(args.key)
    if certificate:
        _check_pair(certificate, key)
    return Options(
        host=args.host,
        rest_port=args.rest_api_port,
        grpc_port=args.port,
        poll=args.poll,
        limits=limits,
        token=_read(args.token_file).strip() if args.token_file else "",
        certificate=certificate,
        key=key,
        log=args.log,
        trust=args.trust or "",
        cors=args.cors or "",
        indexes=_indexes(args),
        writable=args.writable,
    )
