"""gRPC's own health protocol, `grpc.health.v1`, for orchestrators and load balancers, as /readyz is for HTTP.

https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import threading

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

PREFIX = f"/{health.SERVICE_NAME}/"  # of its methods, which a probe calls without a token
_STATES = health_pb2.HealthCheckResponse


class _Servicer(health_pb2_grpc.HealthServicer):
    """As `grpc_health`'s own servicer, but a stream that ends holds up neither other streams nor a server that stops.

    gRPC's one thread of events completes what is sent, and it is also the one that says when a stream has ended. So
    what it calls must never wait for whoever is sending.
    """

    def __init__(self):
        self._sending = threading.RLock()  # orders what streams are told; never taken when a stream ends
        self._statuses, self._watching = {}, {}  # service -> status; function that sends -> the service it is about
        self._has_ended = False

    def Check(self, request, context):
        """The state of the service that a HealthCheckRequest names; of one that is not known, the status NOT_FOUND."""
        status = self._statuses.get(request.service)
        if status is None:
            context.set_code(grpc.StatusCode.NOT_FOUND)
            return _STATES()
        return _STATES(status=status)

    def Watch(self, request, context, send_response_callback):
        """A stream of states: gRPC gives the function that sends one, so that no thread waits for the next."""
        send = send_response_callback
        with self._sending:
            self._watching[send] = request.service
            if not context.add_callback(lambda: self._watching.pop(send, None)):
                self._watching.pop(send, None)  # it has ended already
            send(_STATES(status=self._statuses.get(request.service, _STATES.SERVICE_UNKNOWN)))
            if self._has_ended:
                send(None)

    Watch.experimental_non_blocking = True

    def set(self, service, status):
        """Set the state of a service, and send it to every stream that watches it."""
        with self._sending:
            if self._has_ended:
                return
            self._statuses[service] = status
            for send, watched in tuple(self._watching.items()):
                if watched == service:
                    send(_STATES(status=status))

    def end(self):
        """Set every service to NOT_SERVING, for good, send that to every stream, and end the streams."""
        with self._sending:
            for service in tuple(self._statuses):
                self.set(service, _STATES.NOT_SERVING)
            self._has_ended = True
            for send in tuple(self._watching):
                send(None)


class Health:
    """The health of a gRPC server. services: their full names; the server as a whole ("") is added. All are NOT_SERVING
    until `look` is told otherwise.
    """

    def __init__(self, services):
        self._services = (*services, "")  # the whole last: who hears of it may ask for any
        self._held = _Servicer()
        self._last = None
        self._set(_STATES.NOT_SERVING)

    def add_to(self, server):
        """Add the health service to a grpc.Server."""
        health_pb2_grpc.add_HealthServicer_to_server(self._held, server)

    def look(self, is_ready):
        """Set all services to SERVING or NOT_SERVING, and tell those who watch, if it has changed. is_ready: whether
        every model has a version that answers.
        """
        self._set(_STATES.SERVING if is_ready else _STATES.NOT_SERVING)

    def _set(self, status):
        if status != self._last:
            self._last = status
            for name in self._services:
                self._held.set(name, status)

    def end(self):
        """Set all services to NOT_SERVING for good, and end the streams."""
        self._held.end()
