"""Sounds: what a model may be given, and windows over recordings that are longer than what it hears. numpy.

A window is answered as a recording of its own would be. Windows begin every `hop` seconds, by default half of what a
model hears; the last one ends with the recording, so that none is filled up with silence that nobody recorded. The
answer of the whole is the mean of its windows' probabilities, as YAMNet's is (https://www.kaggle.com/models/google/yamnet);
of several labels at once it is what any window has.
"""

import os
import pathlib

import numpy as np

from kerasvision.edge.contracts import AGAIN
from kerasvision.edge.errors import EdgeError
from kerasvision.edge.waves import loudest_of, read_wave

LEAST_HOP_S = 0.01
BATCH = 16  # windows at a time
TIMES = ("from_s", "to_s")  # keys of what `listened` gives beside those of the model


def sound_of(given, rules):
    """(float32 [N] in -1..1, samples a second) of the path of a .wav, or of such a pair. rules: `preprocess` of a
    contract. Raises EdgeError, one line, of what the model does not take, and of a contract that does not say it.
    """
    if lacking := [key for key in ("rates", "loudest") if key not in rules]:
        raise EdgeError(f"contract.json does not say what sounds the model takes ({', '.join(lacking)}); {AGAIN}")
    if isinstance(given, (str, os.PathLike)):
        if pathlib.Path(given).suffix.lower() != ".wav":
            raise EdgeError(f"{given}: this client reads sounds of .wav files, and pairs of samples and their rate")
        name, (audio, rate) = str(given), read_wave(given)
    elif isinstance(given, tuple) and len(given) == 2:
        name, (audio, rate) = "the sound", given
        audio = np.asarray(audio)
    else:
        raise EdgeError(f"a sound is a .wav file, or (float32 [N], samples a second); seen: {type(given).__name__}")
    if audio.ndim != 1 or audio.dtype.kind != "f":
        raise EdgeError(f"{name}: samples are float32 [N] in -1..1; seen: {audio.dtype} {list(audio.shape)}")
    if np.ndim(rate) or np.asarray(rate).dtype.kind not in "iuf":
        raise EdgeError(f"{name}: the rate of a sound is a number, samples a second; seen: {rate!r}")
    least, most = rules["rates"]
    if not least <= rate <= most:
        raise EdgeError(f"{name} is of {rate} Hz; the rate of a sound is {least} to {most} samples a second")
    if not len(audio):
        raise EdgeError(f"{name} holds no samples (0 s)")
    if not (loudest := loudest_of(audio)) <= rules["loudest"]:  # of what is no number this is false, too
        raise EdgeError(f"{name} has a sample of {loudest:g}; divide integers by their largest")
    return audio.astype(np.float32, copy=False), int(rate)


def hop_of(hop_s, seconds):
    """hop_s, or half of what a model hears where it is None. Raises ValueError, one line, of one that would leave
    something unheard.
    """
    hop_s = seconds / 2 if hop_s is None else hop_s
    if not LEAST_HOP_S <= hop_s <= seconds:
        raise ValueError(f"a hop of {hop_s:g} s; allowed: {LEAST_HOP_S:g} to {seconds:g}, what the model hears at once")
    return hop_s


def windows_of(count, rate, seconds, hop_s):
    """[(first sample, the one behind the last)] of the windows over `count` samples at `rate` a second."""
    length = round(seconds * rate)
    step = min(hop_s * rate, length)  # of half a sample the length may be rounded down: none is left between two
    if count <= length:
        return [(0, count)]
    starts = [round(number * step) for number in range(int((count - length) / step) + 1)]
    starts = [start for start in starts if start < count - length]
    return [(start, start + length) for start in (*starts, count - length)]


def listened(ask, audio, rate, seconds, hop_s):
    """What a model says of each window: {key: array [W, ...]} with `from_s` and `to_s` float64 [W].

    ask: (float32 [B, n], samples a second) -> {key: array [B, ...]}. audio: float32 [N]. seconds: what the model hears.
    """
    spans, found = windows_of(len(audio), rate, seconds, hop_s), []
    for begin in range(0, len(spans), BATCH):
        found.append(ask(np.stack([audio[a:b] for a, b in spans[begin : begin + BATCH]]), rate))
    times = np.array(spans, np.float64).T / rate
    held = {key: np.concatenate([answer[key] for answer in found]) for key in found[0]}
    return held | dict(zip(TIMES, times, strict=True))


def described(heard, describe):
    """JSON of what `listened` gave: what the mean of all windows' probabilities says, {"heard": `heard_when`} and
    {"windows": [{"from_s", "to_s"} and what each window says]}. describe: of {key: array} of one answer. Of several
    labels those of any window, each with its largest probability, and `labels_when`.
    """
    values = {key: value for key, value in heard.items() if key not in TIMES}
    rows = [
        {"from_s": round(float(start), 3), "to_s": round(float(end), 3)}
        | describe({k: v[n] for k, v in values.items()})
        for n, (start, end) in enumerate(zip(*(heard[key] for key in TIMES), strict=True))
    ]
    if "present" in values:  # of labels that may be there for a moment only, a mean would say nothing
        whole = describe({key: values[key].max(0) for key in ("probabilities", "present")})
        return whole | {"heard": labels_when(rows), "windows": rows}
    whole = describe({"probabilities": values["probabilities"].mean(0)})
    return whole | {"heard": heard_when(rows), "windows": rows}


def heard_when(windows):
    """[{"from_s", "to_s", "label", "index", "score": the mean}] of windows one after another whose likeliest class is
    the same. As windows overlap, so do these.
    """
    found = []
    for row in windows:
        best = row["top"][0]
        if not found or found[-1]["label"] != best["label"]:
            found.append({"from_s": row["from_s"], "label": best["label"], "index": best["index"], "score": []})
        found[-1]["to_s"] = row["to_s"]
        found[-1]["score"].append(best["score"])
    order = ("from_s", "to_s", "label", "index")
    return [{key: row[key] for key in order} | {"score": round(float(np.mean(row["score"])), 6)} for row in found]


def labels_when(windows):
    """[{"from_s", "to_s", "label", "index", "score": the mean}] of windows one after another that have a label, ordered
    by their beginnings and then by the label's index; several labels may be there at once.
    """
    found, going = [], {}  # going: index -> the stretch that the window before was the last of
    for row in windows:
        before, going = going, {}
        for said in row["labels"]:
            one = before.get(said["index"])
            if one is None:
                one = {"from_s": row["from_s"], "label": said["label"], "index": said["index"], "score": []}
                found.append(one)
            one["to_s"] = row["to_s"]
            one["score"].append(said["score"])
            going[said["index"]] = one
    order = ("from_s", "to_s", "label", "index")
    found = [{key: row[key] for key in order} | {"score": round(float(np.mean(row["score"])), 6)} for row in found]
    return sorted(found, key=lambda row: (row["from_s"], row["index"]))
