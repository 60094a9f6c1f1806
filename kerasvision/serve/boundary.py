"""The one place where exceptions become statuses, for REST and gRPC alike.

What the client did wrong is raised as a `ServingError` where it is found. Whatever else arrives here is the server's
own: a mistake in its code, or a graph that failed. The log gets it whole; the client is told only that it happened.
"""

import traceback

import grpc
from google.protobuf.message import DecodeError

from kerasvision.serve.status import Code, ServingError, invalid

MOST_CHARACTERS = 500  # of a status: it travels in a header, and a larger one is refused by the client's library


def refusal(error, log, what):
    """The `ServingError` that a client is told for any exception: itself, else INTERNAL with the whole exception in the
    log. log: `log.Log`. what: names the request there.
    """
    if isinstance(error, ServingError):
        return error
    log.event(f"{what}: {''.join(traceback.format_exception(error))}")
    return ServingError(Code.INTERNAL, "internal error")


class Boundary(grpc.ServerInterceptor):
    """The gRPC interceptor around every unary call. It parses the message too, so that bytes that are no message are
    INVALID_ARGUMENT; gRPC itself would say INTERNAL.
    """

    def __init__(self, log):
        self._log = log

    def intercept_service(self, continuation, handler_call_details):
        """The call's handler, whose exceptions become statuses."""
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        method = handler_call_details.method

        def answer(content, context):
            try:
                return handler.unary_unary(_parsed(content, handler.request_deserializer), context)
            except Exception as error:
                told = refusal(error, self._log, method)
            return context.abort(getattr(grpc.StatusCode, told.code.name), str(told)[:MOST_CHARACTERS])

        return grpc.unary_unary_rpc_method_handler(answer, None, handler.response_serializer)


def _parsed(content, parse):
    try:
        return parse(content)
    except DecodeError:
        raise invalid("the bytes are no message of this method, or hold text that is not UTF-8") from None
