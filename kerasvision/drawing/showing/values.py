"""Numbers with their names."""

from kerasvision.drawing.showing.base import Showing


class ValuesShowing(Showing):
    """Final. Of {"values": {name: number}} and perhaps "deviation" of the same form."""

    def in_words(self, described):
        spread = described.get("deviation", {})
        return ", ".join(
            f"{k} {v:g}" + (f" ± {spread[k]:.2g}" if spread else "") for k, v in described["values"].items()
        )

    def title(self, described):
        return "\n".join(f"{name}  {value:.4g}" for name, value in described["values"].items())

    def rows(self, described):
        spread = described.get("deviation", {})
        return [
            {"name": k, "value": v} | ({"deviation": spread[k]} if spread else {})
            for k, v in described["values"].items()
        ]
