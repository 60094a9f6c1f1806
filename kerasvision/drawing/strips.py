"""Pictures side by side, with a legend below. Pillow."""

from PIL import Image, ImageDraw

from kerasvision.drawing.letters import font
from kerasvision.drawing.pictures import INK, PAPER, fitted

_STRIP_GAP_PX, _CHIP_PX = 8, 12


def strip(panels, legend):
    """A Pillow picture of [(name, picture)], side by side with the names over them; legend: [(color, name)], below."""
    letters = font(13)
    step = sum(letters.getmetrics()) + 4
    width = max(panel.width for _, panel in panels)
    whole, high = (
        len(panels) * (width + _STRIP_GAP_PX) - _STRIP_GAP_PX,
        step + max(panel.height for _, panel in panels) + 6,
    )
    places, x, y = [], 0, high
    for color, name in legend:
        name = fitted(name, letters, whole - _CHIP_PX - 5)
        wide = _CHIP_PX + 5 + round(letters.getlength(name))
        if x and x + wide > whole:
            x, y = 0, y + step
        places.append((x, y, color, name))
        x += wide + 16
    picture = Image.new("RGB", (whole, y + step), PAPER)
    draw = ImageDraw.Draw(picture)
    for number, (name, panel) in enumerate(panels):
        draw.text((number * (width + _STRIP_GAP_PX), 1), fitted(name, letters, width), INK, letters)
        picture.paste(panel, (number * (width + _STRIP_GAP_PX), step))
    for x, y, color, name in places:
        draw.rectangle((x, y + 3, x + _CHIP_PX, y + 3 + _CHIP_PX), fill=color, outline=INK)
        draw.text((x + _CHIP_PX + 5, y + 1), name, INK, letters)
    return picture
