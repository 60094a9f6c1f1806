"""`kerasvision names [PATTERN]`."""

import json

from kerasvision.core.errors import KerasVisionError, close_matches
from kerasvision.core.registry import full_names

HELP = "list the names of all parts: architectures bare, every other kind below its own name"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("pattern", nargs="?", default="*", help="a shell pattern, or a part of a name")
    parser.add_argument("--json", action="store_true", help="one JSON list")


def run(args):
    """Print one name a line."""
    names = full_names(args.pattern)
    if args.json:
        print(json.dumps(names))
    elif names:
        print("\n".join(names))
    if not names:
        raise KerasVisionError(f"no part has a name like {args.pattern!r}; {close_matches(args.pattern, full_names())}")
    return 0
