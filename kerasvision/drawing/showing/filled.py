"""Pictures that were filled in."""

import json

import numpy as np

from kerasvision.drawing.showing.base import Showing, View, drawn_on, side_by_side


class FilledShowing(Showing):
    """Final. Of a prediction with `picture` float32 [h, w, 3] in 0..255 and perhaps `samples` [N, h, w, 3]: beside what
    was read.
    """

    def in_words(self, described):
        return json.dumps(described)

    def title(self, described):
        return "filled in"

    def rows(self, described):
        return [{"height": described["picture"]["size_hw"][0], "width": described["picture"]["size_hw"][1]}]

    def view(self, read, name, prediction, described, classes):
        made = [bytes_of(p) for p in (prediction["picture"], *prediction.get("samples", ()))]
        caption = f"{name.rsplit('/', 1)[-1]}: as it came, filled in"
        return View(side_by_side([drawn_on(read), *made]), self.title(described), caption)


def bytes_of(pixels):
    """uint8 of float32 in 0..255."""
    return np.clip(pixels, 0, 255).round().astype(np.uint8)
