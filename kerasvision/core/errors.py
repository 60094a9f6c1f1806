"""The errors a person may meet: what was seen, what is allowed, what to type."""

import contextlib
import difflib
import re


class KerasVisionError(Exception):
    """Something of the user's cannot be worked with. The message is one clear line; the command line exits with 1."""


class UsageError(KerasVisionError):
    """A command, an option or a field is wrong. The command line exits with 2."""


def close_matches(name, allowed, most=8):
    """`"did you mean a, b?"`, or the allowed values when nothing is close."""
    allowed = sorted(str(a) for a in allowed)
    close = difflib.get_close_matches(str(name), allowed, n=3, cutoff=0.5)
    if not close or "/" not in str(name):  # the last part of a path is what people remember
        tails = {}
        for full in allowed:
            tails.setdefault(full.rsplit("/", 1)[-1], []).append(full)
        near = difflib.get_close_matches(str(name).rsplit("/", 1)[-1], tails, n=3, cutoff=0.5)
        shown = max(3, len(tails[near[0]])) if near else 0  # all parts of the closest name, and no long list of others
        close = [full for tail in near for full in tails[tail]][:shown] or close
    if close:
        return f"did you mean {', '.join(close)}?"
    more = f", ... ({len(allowed)} in all)" if len(allowed) > most else ""
    return f"allowed: {', '.join(allowed[:most])}{more}"


SAYS = "kerasvision says:"  # begins the message of an assertion inside of a TensorFlow graph


def said(error):
    """The clear line of an assertion whose message begins with `SAYS`, out of a TensorFlow error; else None."""
    found = re.search(rf"\[{SAYS} ([^\]]*)\] \[([^\]]*)\]", str(error))
    return f"{found[1]} {found[2]}" if found else None


@contextlib.contextmanager
def spoken():
    """A context manager, in which an error whose line `said` knows becomes a KerasVisionError of that line."""
    try:
        yield
    except Exception as error:
        if (line := said(error)) is None:
            raise
        raise KerasVisionError(line) from None
