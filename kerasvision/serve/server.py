"""The embedded server: REST and gRPC over one set of models, from its start until the last request is answered."""

import concurrent.futures
import dataclasses
import pathlib
import signal
import socket
import threading
import time

import grpc
import uvicorn
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection
from tensorflow_serving.apis import (
    model_service_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2,
    prediction_service_pb2_grpc,
)

from kerasvision.core.errors import KerasVisionError
from kerasvision.export.package.signing import trusting
from kerasvision.serve.answering import Answering
from kerasvision.serve.batching import Batching
from kerasvision.serve.bodies import LARGEST_BODY
from kerasvision.serve.boundary import Boundary
from kerasvision.serve.guard import TokenInterceptor
from kerasvision.serve.health import Health
from kerasvision.serve.indexes import Indexes
from kerasvision.serve.limits import Limits
from kerasvision.serve.log import Log
from kerasvision.serve.metrics import Metrics
from kerasvision.serve.models import Models
from kerasvision.serve.observing import Observer
from kerasvision.serve.rest import Rest
from kerasvision.serve.rpc import Management, Prediction

REST_PORT, GRPC_PORT = 8501, 8500  # TensorFlow Serving's
_FILES = (prediction_service_pb2, model_service_pb2)  # in which the services are described
SERVICES = tuple(n.full_name for f in _FILES for n in f.DESCRIPTOR.services_by_name.values())
DRAIN = 30.0  # seconds that requests get to end


@dataclasses.dataclass(frozen=True)
class Options:
    """host: where to listen, this machine alone unless said. Ports: 0 for any free one. poll: seconds between looks at
    the disk for new versions. threads: gRPC requests at once. largest_body: bytes. limits: of batches and of the queue.
    token: that every request must carry ("": none). certificate, key: PEM files for TLS on both ports, or neither.
    log: see `log.Log`. trust: a PEM file; only versions that are signed by its key are loaded ("": all). cors: see
    `rest.Rest`. indexes: [`indexes.Wanted`]; writable: whether requests may change them.
    """

    host: str = "127.0.0.1"
    rest_port: int = REST_PORT
    grpc_port: int = GRPC_PORT
    poll: float = 1.0
    threads: int = 64
    largest_body: int = LARGEST_BODY
    limits: Limits = Limits()
    token: str = ""
    certificate: str = ""
    key: str = ""
    log: str = "text"
    trust: str = ""
    cors: str = ""
    indexes: tuple = ()
    writable: bool = False


class Server:
    """The embedded server. configs: [`models.ModelConfig`], or a function that gives them, called at every look at the
    disk. options: `Options`. base: the folder below which a client's `HandleReloadConfigRequest` may name models.

    It is made when every model is loaded or has failed; `stop` returns when the last request has been answered.
    """

    def __init__(self, configs, options=Options(), base=pathlib.Path()):
        self.options = options
        self.log, metrics = Log(options.log), Metrics()
        self._configs = configs if callable(configs) else None
        check = trusting(options.trust) if options.trust else lambda path: None
        self._health = Health(SERVICES)
        self.models = Models(configs() if callable(configs) else configs, self.log.event, check, self._health.look)
        metrics.limits(options.limits)
        self._engine = Batching(options.limits, metrics.queue)
        observer, answering = Observer(metrics, self.log), Answering(self.models, self._engine)
        self._indexes = Indexes(options.indexes, answering, options.writable, self.log.event)
        rules = options.largest_body, options.token, options.cors
        self._rest = Rest(answering, observer, *rules, self._indexes)
        self._pool = concurrent.futures.ThreadPoolExecutor(options.threads, "grpc")
        self._grpc = self._grpc_server(answering, observer, base)
        self._uvicorn = self._uvicorn_server()
        self.grpc_port = self.rest_port = None

    def _grpc_server(self, answering, observer, base):
        options = self.options
        guards = [*([TokenInterceptor(options.token)] if options.token else []), Boundary(self.log)]
        # a port is one server's: by default a second one would share it, and take half of the calls
        limit = [("grpc.max_receive_message_length", options.largest_body), ("grpc.so_reuseport", 0)]
        most = options.threads + options.limits.bound  # beyond them one is refused at once
        server = grpc.server(self._pool, interceptors=guards, options=limit, maximum_concurrent_rpcs=most)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Prediction(answering, observer), server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(Management(self.models, base), server)
        self._health.add_to(server)
        # grpcurl then needs no .proto files
        reflection.enable_server_reflection((*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        return server

    def _uvicorn_server(self):
        options = self.options
        config = uvicorn.Config(
            self._rest.app,
            ssl_certfile=options.certificate or None,
            ssl_keyfile=options.key or None,
            log_level="warning",
            access_log=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=int(DRAIN),
        )
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None
        return server

    def start(self):
        """Listen on both ports and watch the disk for new versions; returns the server, whose `rest_port` and
        `grpc_port` are then known. Raises KerasVisionError where a port is taken.
        """
        try:
            self.grpc_port = self._add_grpc_port(f"{self.options.host}:{self.options.grpc_port}")
        except RuntimeError:
            raise _taken(self.options.host, self.options.grpc_port, "--port") from None
        try:
            listening = socket.create_server((self.options.host, self.options.rest_port), backlog=1024)
        except OSError:
            self._grpc.stop(None)
            self._engine.stop()
            raise _taken(self.options.host, self.options.rest_port, "--rest-api-port") from None
        self.rest_port = listening.getsockname()[1]
        self._grpc.start()
        self._thread = threading.Thread(target=self._uvicorn.run, args=([listening],), name="rest", daemon=True)
        self._thread.start()
        while not self._uvicorn.started and self._thread.is_alive():
            time.sleep(0.01)
        if not self._uvicorn.started:
            raise KerasVisionError("the REST server ended as it began; its log says why")
        self.models.watch(self.options.poll, self._configs)
        return self

    def _add_grpc_port(self, address):
        if not self.options.certificate:
            return self._grpc.add_insecure_port(address)
        pair = pathlib.Path(self.options.key).read_bytes(), pathlib.Path(self.options.certificate).read_bytes()
        return self._grpc.add_secure_port(address, grpc.ssl_server_credentials([pair]))

    def stop(self):
        """Take no new request, answer those that it has, and end."""
        self._rest.draining = True
        self._health.end()
        self.models.stop()
        ended = self._grpc.stop(DRAIN)
        self._uvicorn.should_exit = True
        self._thread.join(DRAIN)
        ended.wait(DRAIN)
        self._engine.stop()
        self._pool.shutdown(wait=True)
        self._indexes.close()

    def wait(self):
        """Block until SIGINT or SIGTERM, then `stop`."""
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        ended.wait()
        self.stop()


def _taken(host, port, flag):
    return KerasVisionError(f"port {port} of {host} cannot be listened on; choose another {flag}, or 0 for a free one")
