"""gRPC's own health protocol, `grpc.health.v1`: what orchestrators and load balancers ask, as /readyz is for HTTP.

https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

from grpc_health.v1 import health, health_pb2, health_pb2_grpc

PREFIX = f"/{health.SERVICE_NAME}/"  # of its methods, which a probe calls without a token


class _Servicer(health.HealthServicer):
    """Ends the streams of those who watch, for which a server that stops would wait else."""

    def __init__(self):
        super().__init__()
        self._watching = set()

    def Watch(self, request, context, send_response_callback=None):
        """A stream of states."""
        if send_response_callback:
            self._watching.add(send_response_callback)
            context.add_callback(lambda: self._watching.discard(send_response_callback))
        return super().Watch(request, context, send_response_callback)

    def end(self):
        """Not serving, for good; whoever watches is told, and then that there is nothing more to come."""
        self.enter_graceful_shutdown()
        for send in tuple(self._watching):
            send(None)


class Health:
    """services: names, each of them as well as the server as a whole (""). None serves before it is `look`ed at."""

    def __init__(self, services):
        self._services = (*services, "")  # the whole last: who hears of it may ask for any
        self._held = _Servicer()
        self._last = None
        self._set(health_pb2.HealthCheckResponse.NOT_SERVING)

    def add_to(self, server):
        """Answer on a gRPC server."""
        health_pb2_grpc.add_HealthServicer_to_server(self._held, server)

    def look(self, is_ready):
        """Tell those who watch, if it has changed. is_ready: whether every model answers."""
        states = health_pb2.HealthCheckResponse
        self._set(states.SERVING if is_ready else states.NOT_SERVING)

    def _set(self, status):
        if status != self._last:
            self._last = status
            for name in self._services:
                self._held.set(name, status)

    def end(self):
        """Not serving, for good."""
        self._held.end()
