"""Figures by matplotlib: how they are written, and names in them."""

import warnings

from kerasvision.core.escaping import line_of, plot_text
from kerasvision.core.files import beside
from kerasvision.drawing.letters import say_missing

_LONGEST = 28  # characters of a name beside an axis


def save_figure(figure, path):
    """A matplotlib figure as PNG, written beside and renamed. Letters that its font lacks are boxes, and said."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        say_missing(text.get_text())
    with beside(path) as held, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(held, dpi=100, format="png")


def axis_name(name, longest=_LONGEST):
    """A name for an axis: of a long one both ends, since the names of one set often begin alike."""
    return plot_text(shortened(name, longest))


def shortened(name, longest=_LONGEST):
    """A name on one line, of at most `longest` characters; of a longer one both ends."""
    held = line_of(name)
    if len(held) <= longest:
        return held
    begin = (longest - 3 + 1) // 2
    return f"{held[:begin]}...{held[len(held) - (longest - 3 - begin) :]}"
