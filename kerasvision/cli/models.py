"""`kerasvision models list|promote|rollback|diff|sign`: versions of served models, and the labels that name them."""

import json
import sys

HELP = "versions of exported models: list, compare, and say which one is served as stable"
_FOLDER = {"default": "saved_models", "metavar": "DIR", "help": "folder of the models (default: saved_models)"}


def configure(parser):
    """Add the verb's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="list|promote|rollback|diff|sign", required=True)
    text = "every version with its labels, its metric, size and latency"
    listing = actions.add_parser("list", help=text, description=text)
    listing.add_argument("--dir", dest="folder", **_FOLDER)
    listing.add_argument("--json", action="store_true", help="one JSON document on stdout")
    text = (
        "let a label name a version; refused when it does not answer its golden examples as the trained model did, "
        "when clients would notice another interface, or a lower metric"
    )
    promoting = actions.add_parser("promote", help=text, description=text)
    promoting.add_argument("name", metavar="NAME")
    promoting.add_argument("version", metavar="VERSION", type=int)
    promoting.add_argument("--label", default="stable", help="(default: stable)")
    promoting.add_argument("--accuracy-drop", type=float, default=0.0, metavar="D", help="allowed (default: 0)")
    promoting.add_argument("--dir", dest="folder", **_FOLDER)
    text = "let a label name the version that it named before"
    returning = actions.add_parser("rollback", help=text, description=text)
    returning.add_argument("name", metavar="NAME")
    returning.add_argument("--label", default="stable", help="(default: stable)")
    returning.add_argument("--dir", dest="folder", **_FOLDER)
    text = "what differs between two versions; the exit code is 1 if clients would notice"
    comparing = actions.add_parser("diff", help=text, description=text)
    comparing.add_argument("name", metavar="NAME")
    comparing.add_argument("versions", metavar="VERSION", type=int, nargs=2)
    comparing.add_argument("--dir", dest="folder", **_FOLDER)
    text = "sign a version with an ed25519 key, for `serve --trust`"
    signing = actions.add_parser("sign", help=text, description=text)
    signing.add_argument("name", metavar="NAME")
    signing.add_argument("version", metavar="VERSION", type=int)
    signing.add_argument("--key", required=True, metavar="PEM", help="made by openssl genpkey -algorithm ed25519")
    signing.add_argument("--dir", dest="folder", **_FOLDER)


def run(args):
    """Do what the action says."""
    actions = {"list": _list, "promote": _promote, "rollback": _rollback, "diff": _diff, "sign": _sign}
    return actions[args.action](args)


def _sign(args):
    from kerasvision.export.package.signing import sign
    from kerasvision.export.package.versions import version_of

    print(f"signed: {sign(version_of(args.folder, args.name, args.version).path, args.key)}")
    return 0


def _list(args):
    from rich.console import Console
    from rich.table import Table

    from kerasvision.core.escaping import cells
    from kerasvision.core.format import human_bytes
    from kerasvision.export.package.versions import versions_of

    rows = []
    for version in versions_of(args.folder):
        metric, value = version.metric
        figures = {"metric": metric, "value": value} | {k: version.row[k] for k in ("size_bytes", "latency_ms")}
        rows.append({"name": version.name, "version": version.number, "labels": list(version.labels)} | figures)
    if args.json:
        print(json.dumps(rows, indent=2))
        return 0
    table = Table("model", "version", "labels", "metric", "size", "ms")
    for row in rows:
        numbers = f"{row['metric']} {row['value']:.4f}", human_bytes(row["size_bytes"]), f"{row['latency_ms']:.2f}"
        table.add_row(*cells(row["name"], row["version"], ", ".join(row["labels"]), *numbers))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 110).print(table)
    return 0


def _promote(args):
    from kerasvision.export.package.versions import promote

    before = promote(args.folder, args.name, args.version, args.label, args.accuracy_drop)
    was = f"it was {before}" if before is not None else "it named none before"
    print(f"{args.label} of {args.name} is version {args.version}; {was}")
    return 0


def _rollback(args):
    from kerasvision.export.package.versions import rollback

    before, now = rollback(args.folder, args.name, args.label)
    print(f"{args.label} of {args.name} is version {now} again; it was {before}")
    return 0


def _diff(args):
    from kerasvision.core.escaping import line_of
    from kerasvision.export.package.versions import changes, differences, version_of

    old, new = (version_of(args.folder, args.name, number) for number in args.versions)
    noticed = differences(old, new)
    for line in noticed:
        print(line_of(f"interface: {line}"))
    for what, before, after in changes(old, new):
        print(line_of(f"{what}: {before} became {after}"))
    if not noticed:
        print("the interface is the same")
    return 1 if noticed else 0
