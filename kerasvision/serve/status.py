"""What a request can end with: the codes of gRPC, and what HTTP makes of them."""

import enum


class Code(enum.Enum):
    """gRPC's status codes that a server answers with: (gRPC's number, the HTTP status to which TensorFlow Serving maps
    it).
    """

    INVALID_ARGUMENT = (3, 400)
    DEADLINE_EXCEEDED = (4, 504)
    NOT_FOUND = (5, 404)
    PERMISSION_DENIED = (7, 403)
    RESOURCE_EXHAUSTED = (8, 429)
    FAILED_PRECONDITION = (9, 400)
    UNIMPLEMENTED = (12, 501)
    INTERNAL = (13, 500)
    UNAVAILABLE = (14, 503)
    UNAUTHENTICATED = (16, 401)

    @property
    def number(self):
        """gRPC's number, 0 to 16."""
        return self.value[0]

    @property
    def http(self):
        """The HTTP status, such as 404."""
        return self.value[1]


class ServingError(Exception):
    """A request that is refused. code: a `Code`; the message is what the client reads."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code

    def __str__(self):
        return self.args[0]


def invalid(message):
    """The ServingError, not raised, of a client's mistake: INVALID_ARGUMENT, HTTP 400."""
    return ServingError(Code.INVALID_ARGUMENT, message)


def not_found(message):
    """The ServingError, not raised, of a model or version that is not there: NOT_FOUND, HTTP 404."""
    return ServingError(Code.NOT_FOUND, message)
