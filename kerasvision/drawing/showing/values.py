"""Numbers with their names."""

from kerasvision.drawing.showing.base import Showing


class ValuesShowing(Showing):
    """Final. Of {"values": {name: number}} and perhaps "deviation" of the same form and "interval", whose `ends` are
    {name: [low, high]}.
    """

    def in_words(self, described):
        spread, interval = described.get("deviation", {}), described.get("interval", {})

        def words(k, v):
            ends = interval["ends"][k] if interval else ()
            promised = f" ({100 * interval['coverage']:g} %: {ends[0]:.4g} to {ends[1]:.4g})" if ends else ""
            return f"{k} {v:g}" + (f" ± {spread[k]:.2g}" if spread else "") + promised

        return ", ".join(words(k, v) for k, v in described["values"].items())

    def title(self, described):
        return "\n".join(f"{name}  {value:.4g}" for name, value in described["values"].items())

    def rows(self, described):
        spread = described.get("deviation", {})
        return [
            {"name": k, "value": v} | ({"deviation": spread[k]} if spread else {})
            for k, v in described["values"].items()
        ]
