"""A table in Markdown."""

import re


def table(head, rows):
    """head: its cells; rows: lists of as many. White space within a cell becomes a blank."""

    def line(cells):
        return "| " + " | ".join(re.sub(r"\s+", " ", str(c)).replace("|", "\\|") for c in cells) + " |"

    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)])
