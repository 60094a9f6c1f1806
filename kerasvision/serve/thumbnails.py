"""Small pictures of what an index holds, for the page.

An item's file is shown only while it has the sum that it had when it was indexed here. What was added over the network
has none, so that nobody sees a file of this machine by adding its path.
"""

import hashlib
import io
import pathlib

import numpy as np
from PIL import Image

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.kinds.image import read_image
from kerasvision.serve.guard import check_images
from kerasvision.serve.status import ServingError, not_found

SIDE = 160  # the longer one, pixels
LARGEST = 2**26  # bytes of a file


def thumbnail(item):
    """PNG bytes of an item of an index, a dict. Raises ServingError (NOT_FOUND) where its picture is not shown."""
    wanted, path = item.get("sha256"), pathlib.Path(item["path"])
    if not wanted:
        raise not_found(f"item {item['number']} was not indexed from a file here, so its picture is not shown")
    try:
        content = path.read_bytes() if path.stat().st_size <= LARGEST else b""
    except OSError:
        said = "cannot be read at its path, which starts at the server's folder unless it is absolute"
        raise not_found(f"the picture of item {item['number']} {said}") from None
    if hashlib.sha256(content).hexdigest() != wanted:
        raise not_found(f"the picture of item {item['number']} is no longer the one that was indexed")
    try:
        shown = Image.fromarray(read_image(check_images(np.array([content], object))[0]))
    except (KerasVisionError, ServingError) as error:
        raise not_found(f"the picture of item {item['number']} cannot be shown: {error}") from None
    shown.thumbnail((SIDE, SIDE))
    held = io.BytesIO()
    shown.save(held, format="PNG")
    return held.getvalue()
