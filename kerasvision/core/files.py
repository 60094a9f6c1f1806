"""Files that are either whole or not there."""


def write_text(path, text):
    """Text to a file, written beside and renamed."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path, content):
    """Bytes to a file, written beside and renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.partial")
    beside.write_bytes(content)
    beside.replace(path)


def write_figure(figure, path):
    """A matplotlib figure to a PNG, written beside and renamed."""
    beside = path.with_name(f".{path.name}")
    figure.savefig(beside, dpi=110, format="png")
    beside.replace(path)
