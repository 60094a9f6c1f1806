"""A sound of any rate to the samples that a file takes, by the contract's `preprocess`. numpy."""

import numpy as np

BLOCK = 4096  # outputs at a time


def fit_sound(audio, rate, rules):
    """float32 [N] at `rate` samples a second -> float32 [samples]: its beginning, with zeros behind a shorter one."""
    most = rules["samples"]
    held = resample(np.asarray(audio, np.float64), int(rate), rules["rate"], rules["resample"], most)[:most]
    return np.pad(held, [0, most - len(held)]).astype(np.float32)


def resample(audio, given, wanted, rule, most):
    """The first `most` samples at another rate. Each is the sum of the samples around it, times
    sinc(x) kaiser(x / crossings), x counting zeros of the sinc, whose highest frequency is that of the lower rate; all
    of these numbers together sum to the outputs a sample.
    """
    if given == wanted:
        return audio
    divisor = int(np.gcd(given, wanted))
    up, down = wanted // divisor, given // divisor
    larger, crossings = max(up, down), rule["crossings"]
    away = np.arange(-crossings * larger, crossings * larger + 1)  # in parts of a sample, up of which are one
    filtered = np.sinc(away / larger) * np.kaiser(len(away), rule["beta"])
    filtered *= up / filtered.sum()
    count = min(most, -(-len(audio) * up // down))
    reach, found = crossings * larger, np.zeros(count)
    held = np.pad(audio, reach // up + 1)  # what is beyond either end counts as 0
    near = np.arange(-(reach // up), reach // up + 2)
    for begin in range(0, count, BLOCK):
        place = np.arange(begin, min(begin + BLOCK, count))[:, None] * down
        at = place // up + near
        away = reach + place - at * up
        counts = np.where((away >= 0) & (away < len(filtered)), filtered[np.clip(away, 0, len(filtered) - 1)], 0)
        found[begin : begin + BLOCK] = (held[at + reach // up + 1] * counts).sum(1)
    return found
