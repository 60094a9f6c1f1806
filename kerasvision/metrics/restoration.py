"""How well missing pixels were filled in.

psnr: the peak signal-to-noise ratio (Huynh-Thu, Ghanbari 2008, Scope of validity of PSNR in image/video quality
assessment, doi:10.1049/el:20080522), here of the missing pixels alone.
"""

import dataclasses
import pathlib

import numpy as np
from PIL import Image

from kerasvision.drawing.pictures import save, sheet
from kerasvision.drawing.strips import strip
from kerasvision.metrics.base import Evaluator

_SHOWN, _WORST, _PANEL_PX = 8, 4, 200
_MISSING = (255, 0, 255)  # a color that few photographs have
_BEST_DB = 100.0  # of a picture without any error


@dataclasses.dataclass(frozen=True)
class _Case:
    number: int
    rmse: float
    whole: np.ndarray
    present: np.ndarray
    pictures: tuple


class Restoration(Evaluator):
    """Final. Over the values of missing pixels of all examples: `r2` (1 - squared error / variance), `mae` and `rmse`
    in 0..255, `psnr` in dB, 20 log10(255 / rmse), at most 100, and `rmse_of_zeros`, what leaving them black would give.
    Nothing missing anywhere: r2 1, errors 0.

    prediction: `picture` [B, H, W, 3] in 0..255, and perhaps further ones in `samples` [B, S, H, W, 3]; ground_truth:
    `whole` uint8 [B, H, W, 3] and `present` [B, H, W], 0 where a pixel was missing.
    """

    draws = True

    def __init__(self):
        self._rows, self._shown, self._worst = [], [], []

    @property
    def directions(self):
        return {"r2": "max", "psnr": "max", "mae": "min", "rmse": "min", "rmse_of_zeros": "none"}  # of the data alone

    def update(self, prediction, ground_truth):
        for number in range(len(ground_truth["whole"])):
            whole, missing = ground_truth["whole"][number], ground_truth["present"][number] == 0
            true = whole[missing].astype(np.float64)
            error = prediction["picture"][number][missing] - true
            self._rows.append((true.size, true.sum(), (true**2).sum(), (error**2).sum(), np.abs(error).sum()))
            self._remember(prediction, ground_truth, number)

    def figures(self, examples=None):
        rows = np.array(self._rows)[slice(None) if examples is None else examples]
        count, total, squares, error, absolute = rows.sum(0)
        if not count:
            nothing = {"r2": 1.0, "mae": 0.0, "rmse": 0.0, "psnr": _BEST_DB, "rmse_of_zeros": 0.0}
            return {name: lambda value=value: value for name, value in nothing.items()}
        variance, rmse = squares / count - (total / count) ** 2, float(np.sqrt(error / count))
        return {
            "r2": lambda: float(1.0 - error / count / variance if variance > 0 else error == 0),
            "mae": lambda: float(absolute / count),
            "rmse": lambda: rmse,
            "psnr": lambda: float(min(_BEST_DB, 20 * np.log10(255 / rmse)) if rmse else _BEST_DB),
            "rmse_of_zeros": lambda: float(np.sqrt(squares / count)),
        }

    def draw(self, folder, images):
        """`filled.png`, of the first examples and of those with the largest errors: the whole picture, the one with
        missing pixels, the one filled in, and further samples if there are any. images: not needed.
        """
        first = [(case, "") for case in self._shown]
        worst = [(case, "worst: ") for case in self._worst if case.number not in {c.number for c in self._shown}]
        path = pathlib.Path(folder, "filled.png")
        save(sheet([_tile(case, word) for case, word in [*first, *worst]], 2), path)
        return [path]

    def _remember(self, prediction, ground_truth, number):
        at = len(self._rows) - 1
        size, _, _, error, _ = self._rows[at]
        rmse = float(np.sqrt(error / size)) if size else 0.0
        shown, bad = len(self._shown) < _SHOWN, len(self._worst) < _WORST or rmse > self._worst[-1].rmse
        if not shown and not bad:
            return
        samples = prediction["samples"][number] if "samples" in prediction else ()
        pictures = (prediction["picture"][number], *samples)
        case = _Case(at, rmse, ground_truth["whole"][number], ground_truth["present"][number], pictures)
        if shown:
            self._shown.append(case)
        self._worst = sorted([*self._worst, case], key=lambda c: -c.rmse)[:_WORST]


def _tile(case, word):
    """(picture, title, caption) for a sheet."""
    seen = np.where(case.present[..., None] > 0, case.whole, np.uint8(_MISSING))
    made = {"filled" if not n else f"sample {n}": p for n, p in enumerate(case.pictures)}
    panels = {"whole": case.whole, "seen": seen} | {
        n: np.clip(p, 0, 255).round().astype(np.uint8) for n, p in made.items()
    }
    title = f"{word}example {case.number}: off by {case.rmse:.1f} of 255"
    return strip([(name, _enlarged(pixels)) for name, pixels in panels.items()], []), title, ""


def _enlarged(pixels):
    scale = _PANEL_PX / max(pixels.shape[:2])
    size = [max(1, round(side * scale)) for side in pixels.shape[1::-1]]
    return Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)
