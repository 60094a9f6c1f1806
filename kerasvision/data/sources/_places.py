"""Files by the names that labels give them: each folder is listed once.

A name that is not there as written is sought once more with its suffix in any case, in Unicode's other normal form (a
Mac stores `größe` in other code points than Windows writes it) and with a Windows separator. One file fits or none is
taken, so this never chooses.
"""

import os
import unicodedata

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.readable import SUFFIXES
from kerasvision.data.sources._walk import is_hidden


class Places:
    """Listings of folders, filled when they are asked for."""

    def __init__(self):
        self._held = {}

    def names(self, folder):
        """{name: None} of the files in a folder, sorted; empty where there is no such folder."""
        return self._listed(str(folder))[0]

    def find(self, path):
        """The path of the file that a path means, as str, or None."""
        for text in dict.fromkeys((str(path), str(path).replace("\\", "/"))):
            folder, name = os.path.split(text)
            exact, loose = self._listed(folder)
            if name in exact:
                return text
            found = loose.get(_key(name), ())
            if len(found) == 1:
                return text[: len(text) - len(name)] + found[0]
        return None

    def left(self, used):
        """Names of the pictures beside the used ones, paths as `find` gives them, that are none of them; sorted."""
        used = set(map(str, used))
        folders = dict.fromkeys(path[: len(path) - len(os.path.split(path)[1])] for path in used)
        names = ((folder, name) for folder in folders for name in self.names(folder) if is_picture(name))
        return [folder + name for folder, name in names if folder + name not in used]

    def _listed(self, folder):
        if folder not in self._held:
            try:
                with os.scandir(folder or ".") as entries:
                    names = sorted(e.name for e in entries if e.is_file())
            except (FileNotFoundError, NotADirectoryError):
                names = []
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise KerasVisionError(f"{folder!r} cannot be read: {reason.lower()}") from None
            loose = {}
            for name in names:
                loose.setdefault(_key(name), []).append(name)
            self._held[folder] = dict.fromkeys(names), loose
        return self._held[folder]


def is_picture(name):
    """Whether a file's name is that of a picture, and not of what a tool has left."""
    return name.lower().endswith(SUFFIXES) and not is_hidden(name)


def _key(name):
    stem, dot, suffix = unicodedata.normalize("NFC", name).rpartition(".")
    return stem + dot, suffix.lower()
