"""`kerasvision card ARTIFACT`: the model card of an exported package, and what it was made with."""

import dataclasses
import json
import pathlib
import sys

HELP = "write the model card of an exported model, Markdown and HTML, and its bill of materials"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument(
        "artifact", metavar="ARTIFACT", help="a SavedModel folder, a .tflite or a .onnx with its contract"
    )
    parser.add_argument("--out", default=".", metavar="DIR", help="for card.md, card.html and sbom.json (default: .)")
    for name, text in (
        ("intended-use", "what the model is for, and for whom"),
        ("limits", "what it must not be used for, and what it cannot do"),
        ("data-notes", "where the data come from and who is in them"),
        ("license", "of the model"),
    ):
        parser.add_argument(f"--{name}", default="", metavar="TEXT", help=f"{text} (Markdown)")
    parser.add_argument(
        "--robustness", metavar="FILE", help="the robustness.json of this model, for a section of its own"
    )
    parser.add_argument("--trust", metavar="FILE", help="the trust.json of this model, taken whole")
    parser.add_argument("--groups", metavar="FILE", help="what `evaluate --by COLUMN --json` printed of this model")
    parser.add_argument("--modalities", metavar="FILE", help="what `modalities --json` printed of this model")
    parser.add_argument("--explanations", metavar="PNG", help="a picture that `explain` drew of this model")


PICTURE = "explanations.png"  # beside the card


@dataclasses.dataclass(frozen=True)
class _Printed:
    """What a JSON document of a command holds at least. what: its figures, by: the command, in words."""

    what: str
    by: str
    keys: frozenset


_GROUPS = _Printed(
    "groups",
    "kerasvision evaluate RUN --by COLUMN --json",
    frozenset({"name", "split", "by", "metric", "examples", "groups"}),
)
_SENSES = _Printed(
    "senses",
    "kerasvision modalities RUN --json",
    frozenset({"name", "split", "examples", "unit", "chance", "sets", "shares", "changed", "warnings"}),
)


def run(args):
    """Write the three files, and the picture beside them."""
    from kerasvision.core.errors import KerasVisionError
    from kerasvision.core.files import write_bytes, write_text
    from kerasvision.export.contract import read_contract
    from kerasvision.export.package.card import Words, markdown, page
    from kerasvision.export.package.sbom import bill_of_materials

    contract = read_contract(args.artifact)
    found, drawn = _robustness(args, contract), _explanations(args)
    groups = _printed(args.groups, _GROUPS, args.artifact, contract)
    senses = _printed(args.modalities, _SENSES, args.artifact, contract)
    words = Words(args.intended_use, args.limits, args.data_notes, args.license)
    text = markdown(contract, words, found, PICTURE if drawn else "", groups, _trust(args, contract), senses)
    out = pathlib.Path(args.out)
    try:
        write_text(out / "card.md", text)
        write_text(out / "card.html", page(text, f"{contract['name']} {contract['version']}", {PICTURE: drawn or b""}))
        write_text(out / "sbom.json", json.dumps(bill_of_materials(contract), indent=2) + "\n")
        if drawn:
            write_bytes(out / PICTURE, drawn)
    except OSError as error:
        raise KerasVisionError(f"cannot write to {out}: {error.strerror}; choose another --out") from None
    print(f"written: {out / 'card.md'}, {out / 'card.html'}, {out / 'sbom.json'}", file=sys.stderr)
    return 0


def _robustness(args, contract):
    """What was measured of the model of this contract, or None."""
    from kerasvision.core.errors import UsageError
    from kerasvision.robustness.recorded import read

    found, name = read(args.robustness) if args.robustness else None, contract["recipe"]["name"]
    if found and found["name"] != name:
        raise UsageError(f"{args.robustness} is of {found['name']}, and {args.artifact} is {name}")
    return found


def _trust(args, contract):
    """What is known of the model of this contract and of all of its files, or None."""
    from kerasvision.core.errors import UsageError
    from kerasvision.robustness.trust.document import read

    found, name = read(args.trust) if args.trust else None, contract["recipe"]["name"]
    if found and found["name"] != name:
        raise UsageError(f"{args.trust} is of {found['name']}, and {args.artifact} is {name}")
    return found


def _printed(path, kind, artifact, contract):
    """What a command has printed of the model of this contract, or None without a path. kind: a `_Printed`."""
    from kerasvision.core.errors import KerasVisionError, UsageError

    if not path:
        return None
    try:
        found = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KerasVisionError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not isinstance(found, dict) or not kind.keys <= set(found):
        raise KerasVisionError(f"{path} holds no figures of {kind.what}; `{kind.by}` prints them")
    if found["name"] != contract["recipe"]["name"]:
        raise UsageError(f"{path} is of {found['name']}, and {artifact} is {contract['recipe']['name']}")
    return found


def _explanations(args):
    """The bytes of the picture, or None."""
    from kerasvision.core.errors import KerasVisionError, UsageError

    if not args.explanations:
        return None
    try:
        drawn = pathlib.Path(args.explanations).read_bytes()
    except OSError as error:
        raise KerasVisionError(f"{args.explanations} cannot be read: {error.strerror}") from None
    if not drawn.startswith(b"\x89PNG\r\n"):
        raise UsageError(
            f"{args.explanations} is no PNG; `kerasvision explain RUN IMAGE --out explained.png` draws one"
        )
    return drawn
