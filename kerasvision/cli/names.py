"""`kerasvision names [PATTERN]`."""

import json

from kerasvision.core.registry import full_names

HELP = "list the names of all parts: architectures bare, every other kind below its own name"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("pattern", nargs="?", default="*", help="a shell pattern, or a part of a name")
    parser.add_argument("--json", action="store_true", help="one JSON list")


def run(args):
    """Print one name a line."""
    names = full_names(args.pattern)
    print(json.dumps(names) if args.json else "\n".join(names))
    return 0 if names else 1
