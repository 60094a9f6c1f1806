"""A line of text that was read."""

from kerasvision.drawing.showing.base import Showing


class LineShowing(Showing):
    """Final. Of {"text", "score", "characters": [{"text", "score", "box_xyxy"}]}."""

    def in_words(self, described):
        return described["text"] or "no text"

    def title(self, described):
        return f"{self.in_words(described)}  {described['score']:.2f}"

    def rows(self, described):
        return [{k: row[k] for k in ("text", "score")} for row in described["characters"]]
