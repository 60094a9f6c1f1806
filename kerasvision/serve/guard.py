"""Who may ask, and what is too large to be looked at."""

import hmac
import io
import struct

import grpc
from PIL import Image, UnidentifiedImageError

from kerasvision.serve.health import PREFIX
from kerasvision.serve.status import Code, ServingError, invalid

PNG, OTHERS = b"\x89PNG\r\n\x1a\n", (b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF")  # how files begin that are decoded
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
        """Lets a call pass that carries the token, and a probe, which has none."""
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
    """Refuses encoded images (an array of bytes) that would be too large once decoded; looks at their headers alone."""
    for value in encoded.reshape(-1):
        if _pixels(value if isinstance(value, bytes) else str(value).encode()) > MOST_PIXELS:
            raise invalid(f"an image may have {MOST_PIXELS:,} pixels; make it smaller before it is sent")


def _pixels(value):
    """Of an encoded image, as its header says; 0 of what is none, which the graph's own decoder then says."""
    if value.startswith(PNG):  # read here: Pillow gives up for damage that TensorFlow's decoder passes over
        width, height = struct.unpack(">II", value[16:24]) if len(value) >= 24 else (0, 0)
        return width * height
    try:
        with Image.open(io.BytesIO(value)) as image:
            return image.width * image.height
    except Image.DecompressionBombError:
        return MOST_PIXELS + 1
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, TypeError):
        if value.startswith(OTHERS):
            raise invalid("an image has a header that cannot be read; write it anew") from None
        return 0
