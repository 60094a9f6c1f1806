"""What a client says of bad input."""


class EdgeError(Exception):
    """Something of the user's cannot be worked with. The message is one clear line; commands exit with 1."""


class EdgeUsageError(EdgeError):
    """A command or an option is wrong. Commands exit with 2."""
