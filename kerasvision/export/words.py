"""A prediction's JSON as people read it."""

import json

from kerasvision.export.draw import LEAST_SCORE, worth_showing


def in_words(description):
    """A prediction's JSON in one short text."""
    if "objects" in description:
        shown, left_out = worth_showing(description["objects"])
        more = f" (and {left_out} below {LEAST_SCORE:g})" if left_out else ""
        return (", ".join(f"{row['label']} {row['score']:.3f}" for row in shown) or "nothing") + more
    if "classes" in description:
        unit = "px" if "segments" in description else "voxels"
        return ", ".join(f"{label} {count} {unit}" for label, count in description["classes"].items())
    if "values" in description:
        spread = description.get("deviation", {})
        return ", ".join(
            f"{k} {v:g}" + (f" ± {spread[k]:.2g}" if spread else "") for k, v in description["values"].items()
        )
    for key in ("top", "labels"):
        if key in description:
            rows = [f"{r['label']} {r['score']:.3f}" for r in description[key]]
            foreign = "; foreign" if description.get("outlier", {}).get("foreign") else ""
            return (", ".join(rows[:3] if key == "top" else rows) or "nothing") + foreign
    return json.dumps(description)
