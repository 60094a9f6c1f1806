"""What shows predictions, and the picture or sheet that it makes of them."""

import abc
import dataclasses
import json
import math

import numpy as np
from PIL import Image, ImageDraw

from kerasvision.drawing.letters import font
from kerasvision.drawing.pictures import INK, PAPER, as_rgb, fitted, marked, sheet, text_px

MOST_PICTURES = 48  # of one sheet
_SHEET_PX, _ALONE_PX = 1920, (960, 1600)  # width of all pictures of a sheet; longer side of a single one


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """A prediction to be drawn. image: uint8 [H, W, 3], or None: there is nothing to draw on. title: lines above it.
    caption: below it. marks: `drawing.pictures.Mark`s, in pixels of the image.
    """

    image: np.ndarray | None
    title: str
    caption: str
    marks: tuple = ()


class Showing(abc.ABC):
    """Abstract. How a family's predictions are shown. `described` is the JSON of one (`Architecture.describe`)."""

    @abc.abstractmethod
    def in_words(self, described):
        """One short text."""

    def title(self, described):
        """A few lines, above the picture."""
        return self.in_words(described)

    @abc.abstractmethod
    def rows(self, described):
        """A list of dicts with the same keys: the rows of a table."""

    def marks(self, described):
        """`Mark`s, in pixels of the picture that was read."""
        return ()

    def note(self, described):
        """What stands behind the name below a picture."""
        return ""

    def view(self, read, name, prediction, described, classes):
        """A `View`. read: uint8 [H, W, 3]; a volume with `array` [D, H, W, C]; a sound with `picture()`; {key: one of
        them} of several inputs; None. prediction: its arrays, without batch axis. classes: names.
        """
        caption = name.rsplit("/", 1)[-1] + self.note(described)
        return View(drawn_on(read), self.title(described), caption, tuple(self.marks(described)))


class JsonShowing(Showing):
    """Final. For what no other way is known: its JSON."""

    def in_words(self, described):
        return json.dumps(described)

    def title(self, described):
        return json.dumps(described)[:200]

    def rows(self, described):
        return [dict(described)]


def drawn_on(read):
    """uint8 [H, W, 3] of what was read, or None: a volume's middle slice, anterior at the top; a sound's `picture()`;
    of several inputs those that can be seen, side by side.
    """
    if isinstance(read, dict):
        seen = [image for image in map(drawn_on, read.values()) if image is not None]
        return side_by_side(seen) if seen else None
    if read is None or isinstance(read, np.ndarray):
        return read
    if hasattr(read, "picture"):
        return read.picture()
    return as_rgb(read.array[len(read.array) // 2][::-1])


def side_by_side(images):
    """uint8 [H, W, 3] of several, as high as the first."""
    height = images[0].shape[0]
    sides = [Image.fromarray(i).resize((max(1, round(height * i.shape[1] / i.shape[0])), height)) for i in images[1:]]
    return np.concatenate([images[0], *map(np.asarray, sides)], 1)


def frame_of(view):
    """uint8 [H, W, 3] of a `View`, as large as its image: the title over it, as a frame of a video has room for it."""
    side = max(view.image.shape[:2])
    picture = marked(view.image, view.marks, side).convert("RGB")
    draw, letters, y = ImageDraw.Draw(picture), font(text_px(side)), 0
    step = sum(letters.getmetrics()) + 2
    for line in view.title.splitlines():
        text = fitted(line, letters, picture.width - 6)
        if text and y + step <= picture.height:
            draw.rectangle((0, y, math.ceil(letters.getlength(text)) + 5, y + step - 1), fill=INK)
            draw.text((3, y + 1), text, PAPER, letters)
            y += step
    return np.asarray(picture)


def picture_of(views, columns=4):
    """A Pillow picture of one `View`, or a sheet of them, with titles that say what was predicted."""
    columns = min(columns, math.ceil(math.sqrt(len(views))))
    tiles = []
    for view in views:
        image = np.full((64, 256, 3), 255, np.uint8) if view.image is None else view.image
        alone = min(max(*image.shape[:2], _ALONE_PX[0]), _ALONE_PX[1])
        picture = marked(image, view.marks, alone if len(views) == 1 else _SHEET_PX // columns)
        tiles.append((picture, view.title, view.caption))
    return sheet(tiles, columns)
