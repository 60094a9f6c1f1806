"""robustness.json: what was measured of a model under corruptions, as a file and as a picture."""

import json
import pathlib

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.files import write_figure, write_text
from kerasvision.robustness.corruptions.base import SEVERITIES

FIELDS = {"name", "split", "metric", "examples", "clean", "corruptions"}


def read(path):
    """The document in a robustness.json. Raises KerasVisionError where the file is none."""
    try:
        found = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KerasVisionError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not isinstance(found, dict) or not set(found) >= FIELDS:
        raise KerasVisionError(f"{path} is no robustness.json; `kerasvision robustness RUN --out DIR` writes one")
    return found


def write(found, folder):
    """Write robustness.json and robustness.png into a folder; returns the path of the first. found: what
    `report.measured` gives.
    """
    folder = pathlib.Path(folder)
    write_text(folder / "robustness.json", json.dumps(found, indent=2) + "\n")
    draw(found, folder / "robustness.png")
    return folder / "robustness.json"


def draw(found, path):
    """Write a PNG of the metric over severity, a line a corruption; severity 0 is the clean images."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, max(4.2, 0.24 * len(found["corruptions"]))), layout="constrained")
    axis = figure.subplots()
    for number, (name, row) in enumerate(found["corruptions"].items()):
        places, mark = [0, *map(int, row)], "os^vDP*X"[number % 8] + ("-", "--", ":")[number // 8 % 3]
        axis.plot(places, [found["clean"], *row.values()], mark, label=name.replace("_", " "))
    axis.axhline(found["clean"], color="0.6", linestyle="--", linewidth=1)
    axis.set(
        xlabel="severity",
        ylabel=found["metric"],
        title=f"{found['name']}, {found['examples']} examples of {found['split']}",
    )
    axis.set_xticks(range(max(SEVERITIES) + 1), ["clean", *map(str, SEVERITIES)])
    axis.grid(alpha=0.3)
    figure.legend(loc="outside right center", frameon=False)
    write_figure(figure, path)
