"""Cases of sounds: tones against bursts of noise, of two rates and several lengths; and files of them."""

import numpy as np

from kerasvision.core.registry import create
from tests.contract.case import Case
from tests.contract.rendered_cases import Drawn
from tests.data.drawn_sounds import burst, tone, write_wav

RATES = (8000, 11025)


def sounds():
    """[(float32 [N], samples a second, class)]: eight of them."""
    found = []
    for number in range(4):
        rate, seconds = RATES[number % 2], 0.2 + 0.03 * number
        found += [(tone(400 + 300 * number, rate, seconds), rate, 0), (burst(number, rate, seconds), rate, 1)]
    return found


def _labeled():
    return [{"audio": a, "rate": np.int32(rate), "label": np.int32(label)} for a, rate, label in sounds()]


def several():
    """[(float32 [N], samples a second, labels)]: of the eight tones and noises, and both together, and neither."""
    found = [(audio, rate, (label,)) for audio, rate, label in sounds()]
    for number in range(2):
        (low, rate, _), (noise, _, _) = sounds()[4 * number : 4 * number + 2]
        found += [((low + noise[: len(low)]) / 2, rate, (0, 1)), (np.zeros_like(low), rate, ())]
    return found


def _several():
    return [{"audio": a, "rate": np.int32(rate), "labels": np.int32(labels)} for a, rate, labels in several()]


def _made(task):
    return create(
        f"audio_classification/{task}",
        num_classes=2,
        backbone=create("backbones/convnet", width=4, blocks=(1, 1)),
        rate=8000,
        seconds=0.25,
        frame=256,
        hop=128,
        bands=16,
    )


CASES = {
    "audio_classification/classifier": Case(lambda: _made("classifier"), _labeled, ("tone", "noise")),
    "audio_classification/multi_label": Case(lambda: _made("multi_label"), _several, ("tone", "noise")),
}


def drawn(root):
    """A folder and a table of `sources/sounds`."""
    for number in range(12):
        name, rate = (("noise", 9000), ("tone", 8000))[number % 2]
        sound = tone(200 + 50 * number, rate, 0.05) if number % 2 else burst(number, rate, 0.05)
        write_wav(root / "folder" / name / f"{number}.wav", sound, rate)
    rows = [f"folder/{('noise', 'tone')[n % 2]}/{n}.wav,{n % 2},{('train', 'train', 'test')[n % 3]}" for n in range(12)]
    (root / "list.csv").write_text("\n".join(["file,label,split", *rows]))
    both = [f"folder/{('noise', 'tone')[n % 2]}/{n}.wav,{('noise', 'noise;tone')[n % 2]}" for n in range(12)]
    (root / "several.csv").write_text("\n".join(["file,labels", *both]))
    listed = create("sources/sounds", path=str(root / "list.csv"), validation_fraction=0.0)
    return [
        Drawn(create("sources/sounds", path=str(root / "folder")), {"": 12}, 2, (root / "folder",)),
        Drawn(listed, {"train": 8, "test": 4}, 2, (root / "list.csv",)),
        Drawn(create("sources/sounds", path=str(root / "several.csv")), {"": 12}, 2, (root / "several.csv",)),
    ]
