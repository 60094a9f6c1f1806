"""Who may ask, and what is too large to be looked at."""

import hmac
import io

import grpc
from PIL import Image, UnidentifiedImageError

from kerasvision.serve.status import Code, ServingError, invalid

MOST_PIXELS = 64_000_000  # of one image: a small file may hold a picture that fills the memory
_DENIED = "a bearer token is needed: Authorization: Bearer TOKEN"


def check_token(header, token):
    """Refuses a request whose header does not carry the token; "" asks for none."""
    if token and not hmac.compare_digest(header.encode(), f"Bearer {token}".encode()):
        raise ServingError(Code.UNAUTHENTICATED, _DENIED)


class TokenInterceptor(grpc.ServerInterceptor):
    """The same for gRPC, in the metadata `authorization`."""

    def __init__(self, token):
        self._token = token

    def intercept_service(self, continuation, handler_call_details):
        """Lets a call pass that carries the token."""
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
    """Refuses encoded images (an array of bytes) that would be too large once decoded; looks at their headers alone."""
    for value in encoded.reshape(-1):
        try:
            with Image.open(io.BytesIO(value)) as image:
                width, height = image.size
        except Image.DecompressionBombError:
            raise _too_large() from None
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError, TypeError):
            continue  # the graph's own decoder says what it is not
        if width * height > MOST_PIXELS:
            raise _too_large()


def _too_large():
    return invalid(f"an image may have {MOST_PIXELS:,} pixels; make it smaller before it is sent")
