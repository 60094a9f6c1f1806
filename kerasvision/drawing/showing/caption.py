"""A caption, and what each of its words looked at."""

import dataclasses
import typing

import numpy as np
from PIL import Image, ImageDraw

from kerasvision.drawing.letters import font
from kerasvision.drawing.pictures import INK, PAPER, fitted, text_px, warmed
from kerasvision.drawing.showing.base import Showing

_COLUMNS = 4  # pictures in a row
_GAP_PX = 4


@dataclasses.dataclass(frozen=True, eq=False)
class CaptionShowing(Showing):
    """Final. Of {"text", "score", "words": [{"text", "score"}]}. A picture is followed by one for each word, under the
    positions that it looked at. placed: (float [h, w] of the graph's positions, uint8 [H, W, 3]) -> float [H, W] of the
    picture's pixels.
    """

    placed: typing.Callable

    def in_words(self, described):
        return described["text"] or "no words"

    def title(self, described):
        return f"{self.in_words(described)}  {described['score']:.2f}"

    def rows(self, described):
        return [dict(row) for row in described["words"]]

    def view(self, read, name, prediction, described, classes):
        view = super().view(read, name, prediction, described, classes)
        if view.image is None or not described["words"]:
            return view
        looked = prediction["attention"][: len(described["words"])]
        tiles = [view.image]
        for word, positions in zip(described["words"], looked, strict=True):
            tiles.append(_named(warmed(view.image, self.placed(positions - positions.min(), view.image)), word["text"]))
        return dataclasses.replace(view, image=_rows(tiles))


def _named(pixels, word):
    picture, letters = Image.fromarray(pixels), font(text_px(max(pixels.shape[:2])))
    draw, shown = ImageDraw.Draw(picture), fitted(word, letters, pixels.shape[1] - 6)
    draw.rectangle((0, 0, letters.getlength(shown) + 5, sum(letters.getmetrics()) + 1), fill=INK)
    draw.text((3, 1), shown, PAPER, letters)
    return np.asarray(picture)


def _rows(tiles):
    """uint8 [H, W, 3]: pictures of one size, four in a row."""
    height, width = tiles[0].shape[:2]
    columns = min(_COLUMNS, len(tiles))
    lines = -(-len(tiles) // columns)
    out = np.full((lines * (height + _GAP_PX) - _GAP_PX, columns * (width + _GAP_PX) - _GAP_PX, 3), 255, np.uint8)
    for number, tile in enumerate(tiles):
        y, x = (number // columns) * (height + _GAP_PX), (number % columns) * (width + _GAP_PX)
        out[y : y + height, x : x + width] = tile
    return out
