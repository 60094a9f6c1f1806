"""`kerasvision data duplicates FOLDER [OTHER ...]`: copies among pictures, and which to keep."""

import json
import pathlib
import sys

MOST_ROWS, SIDE, SHOWN = 30, 200, 5  # groups in the table and in the sheet, pixels of a tile, pictures of a group


def configure(actions):
    """Add the action's arguments."""
    text = (
        "list pictures that are copies of one another: equal, nearly equal (resized, recompressed), mirrored or turned"
    )
    searching = actions.add_parser("duplicates", help=text, description=text)
    folders = "with several only copies that lie in two of them, as in a training and a test folder"
    searching.add_argument("folders", nargs="+", metavar="FOLDER", help=folders)
    searching.add_argument(
        "--csv", metavar="FILE.csv", help="a row a picture of a group: what to keep, and what it copies"
    )
    searching.add_argument("--draw", metavar="FILE.png", help=f"a row of pictures a group, of the first {MOST_ROWS}")
    text = "also those that are part of another: cropped, framed or captioned, which takes longer"
    searching.add_argument("--parts", action="store_true", help=text)
    searching.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args):
    """Search; 0 also where copies were found."""
    from kerasvision.cli.progress import progress_bar
    from kerasvision.core.errors import UsageError
    from kerasvision.data.inspect.copies import found

    for flag, name in (("--csv", args.csv), ("--draw", args.draw)):
        suffix = {"--csv": ".csv", "--draw": ".png"}[flag]
        if name and not name.lower().endswith(suffix):
            raise UsageError(f"{flag} {name}: this is written as {suffix}")
    with progress_bar() as progress:
        copies = found(args.folders, progress, args.parts)
    for path in copies.unread:
        print(f"kerasvision: {path} cannot be decoded and was left out", file=sys.stderr)
    if args.json:
        rows = [
            {"keep": str(kept.path), "copies": [{"file": str(p.path), "is": said} for p, said in others]}
            for kept, others in copies.groups
        ]
        document = {"pictures": copies.size, "unread": list(map(str, copies.unread)), "groups": rows}
        left = {} if copies.parts is None else {"left_out": _left_out(copies.parts)}
        print(json.dumps(document | left, indent=2))
    else:
        _print(copies)
    if args.csv:
        _write(args.csv, copies)
    if args.draw and copies.groups:
        _draw(args.draw, copies)
    return 0


def _print(copies):
    from rich.console import Console
    from rich.table import Table

    from kerasvision.core.escaping import cells

    table = Table("keep", "copy", "which is")
    for kept, others in copies.groups[:MOST_ROWS]:
        for number, (other, said) in enumerate(others):
            table.add_row(*cells(str(kept.path) if not number else "", str(other.path), said))
    if copies.groups:
        Console(file=sys.stdout, width=None if sys.stdout.isatty() else 110).print(table)
    hidden = len(copies.groups) - MOST_ROWS
    more = f" ({hidden} groups are not shown: --csv or --json has all)" if hidden > 0 else ""
    extra = sum(len(others) for _, others in copies.groups)
    by_bytes = f"; {copies.plain} without any structure by their bytes alone" if copies.plain else ""
    print(f"{copies.size} pictures, {extra} of them copies, in {len(copies.groups)} groups{more}")
    if copies.ended:
        print("so many pictures are alike that the search ended before all were found; remove copies and search again")
    for line in _bounds(copies.parts) if copies.parts else ():
        print(line)
    beyond = (
        "in upright parts of others; not at what is recolored" if copies.parts else "not at what is cropped or framed"
    )
    more = "" if copies.parts else " (--parts), or recolored"
    print(f"looked at: bytes, and gray shapes in eight turns{by_bytes}; {beyond}{more}")


def _left_out(found):
    """Numbers of pictures, of `candidates.Related`."""
    return {"twins": found.aside, "crowded": found.crowded, "common": found.common}


def _bounds(found):
    """Lines that say what was left out, of `candidates.Related`."""
    from kerasvision.data.inspect import candidates

    twins = f"of pictures that are nearly equal to {candidates.MOST_TWINS} others or more,"
    if found.aside:
        yield f"{twins} {found.aside} were not searched for parts themselves"
    partners = f"more than {candidates.MOST_PARTNERS} others: those that share the most points were compared"
    if found.crowded:
        yield f"{found.crowded} pictures share points with {partners}"
    same = f"more than {candidates.MOST_SAME} others have: the latest {candidates.MOST_SAME} were compared"
    if found.common:
        yield f"{found.common} pictures have points of which one part in five is what {same}"


def _write(path, copies):
    import csv

    from kerasvision.core.escaping import csv_text
    from kerasvision.core.files import beside

    with beside(path) as held, held.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["group", "file", "keep", "is"])
        for number, (kept, others) in enumerate(copies.groups):
            writer.writerow([number, csv_text(str(kept.path)), 1, ""])
            writer.writerows([number, csv_text(str(p.path)), 0, said] for p, said in others)


def _draw(path, copies):
    from kerasvision.core.escaping import line_of
    from kerasvision.data.kinds.image import read_image
    from kerasvision.drawing.pictures import marked, save, sheet_of_rows

    shown = copies.groups[:MOST_ROWS]
    columns = min(SHOWN, max(1 + len(others) for _, others in shown))
    rows = []
    for kept, others in shown:
        row = []
        for picture, said in [(kept, "keep"), *others][:columns]:
            pixels = read_image(picture.path.read_bytes())
            row.append((marked(pixels, (), SIDE), said, line_of(picture.path.name)))
        rows.append(row)
    save(sheet_of_rows(rows, columns, SIDE), pathlib.Path(path))
