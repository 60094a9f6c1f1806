"""Who may send requests (the bearer token), and which images are too large or too dangerous to decode."""

import hmac

import grpc
import numpy as np
import tensorflow as tf

from kerasvision.data.decode import look, still
from kerasvision.ops.inline import Inline
from kerasvision.serve.health import PREFIX
from kerasvision.serve.status import Code, ServingError, invalid

MOST_PIXELS = 64_000_000  # of one image: a small file may hold a picture that fills the memory
_TEXT = tf.TensorSpec([], tf.string)
_DENIED = "a bearer token is needed: Authorization: Bearer TOKEN"


def check_token(header, token):
    """Raises ServingError (UNAUTHENTICATED) unless an `Authorization` header is `Bearer <token>`. token: "" lets every
    request pass.
    """
    if token and not hmac.compare_digest(header.encode(), f"Bearer {token}".encode()):
        raise ServingError(Code.UNAUTHENTICATED, _DENIED)


class TokenInterceptor(grpc.ServerInterceptor):
    """`check_token` for gRPC, of the metadata `authorization`. token: as there."""

    def __init__(self, token):
        self._token = token

    def intercept_service(self, continuation, handler_call_details):
        """The call's handler where it carries the token or is of `grpc.health.v1`, whose probes have none; else one
        that refuses.
        """
        if handler_call_details.method.startswith(PREFIX):
            return continuation(handler_call_details)
        held = dict(handler_call_details.invocation_metadata).get("authorization", "")
        try:
            check_token(held, self._token)
        except ServingError as error:
            text = str(error)
            return grpc.unary_unary_rpc_method_handler(
                lambda request, context: context.abort(grpc.StatusCode.UNAUTHENTICATED, text)
            )
        return continuation(handler_call_details)


def check_images(encoded):
    """Encoded images, an array of bytes -> the array to decode. Raises ServingError (INVALID_ARGUMENT) of one that may
    not be decoded.

    What a header says is read by `data.decode.look`, as the graphs of our own SavedModels do. A server has others too:
    so an animated WebP, at which TensorFlow's decoder writes beyond its memory, becomes its first frame here.
    """
    safe = np.empty(encoded.shape, object)
    for place in np.ndindex(encoded.shape):
        value = encoded[place]
        safe[place] = _checked(value if isinstance(value, bytes) else str(value).encode())
    return safe


def _look_and_still(image_bytes):
    """What `look` says, and as `still` the bytes to decode, where there is no problem."""
    seen = look(image_bytes)
    kept = tf.cond(seen["problem"] == "", lambda: still(image_bytes), lambda: tf.identity(image_bytes))
    return seen | {"still": kept}


_seen = Inline(_look_and_still, [_TEXT])  # a graph that is being computed must not hold up who comes next


def _checked(value):
    try:
        seen = _seen(value)
    except tf.errors.InvalidArgumentError:
        raise invalid("an image has a header that cannot be read; write it anew") from None
    problem = seen["problem"].decode()
    if int(np.prod(seen["hw"], dtype=np.int64)) > MOST_PIXELS:
        raise invalid(f"an image may have {MOST_PIXELS:,} pixels; make it smaller before it is sent")
    if problem:
        raise invalid(f"an image cannot be decoded: {problem}")
    return seen["still"]
