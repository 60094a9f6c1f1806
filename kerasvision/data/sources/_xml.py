"""XML files that tools for labeling wrote: their text, and the root of what they hold."""

import codecs
import re
import xml.etree.ElementTree as ET

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.text import decode_text

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def root_of(file, what):
    """The root element of a file. Raises KerasVisionError, one line, where it cannot be read or is no XML.

    what: begins the message.
    """
    try:
        return ET.fromstring(_text(file.read_bytes(), what))
    except OSError as error:
        raise KerasVisionError(f"{what}: cannot be read: {(error.strerror or str(error)).lower()}") from None
    except (ET.ParseError, ValueError) as error:
        raise KerasVisionError(f"{what}: no XML: {error}") from None


def _text(data, what):
    """The text of XML in the coding that it declares; without a declaration or with a mark, as `data/text.py` says."""
    declared = _DECLARED.search(data[:400])
    name = declared and declared.group(1).decode().lower()
    if data.startswith(_MARKS) or name in (None, "utf-8", "utf8"):
        return decode_text(data, what).lstrip()
    try:
        text = data.decode(name)
    except (LookupError, UnicodeDecodeError) as error:
        raise KerasVisionError(f"{what}: it declares the coding {name} and is none: {error}") from None
    if not data.isascii() and _is_utf8(data):
        raise KerasVisionError(f"{what}: it declares the coding {name} and is UTF-8; mend the first line")
    return text.lstrip()


def _is_utf8(data):
    """Whether bytes beyond ASCII are those of UTF-8, which those of another coding hardly ever are."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
