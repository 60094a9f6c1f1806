"""Which score knows best when a classifier is wrong? Plain answers, dropout's samples, and mirrored and shifted copies.

Shows: `systems/dropout_samples`, `systems/test_time_augmentation`, risk over coverage (`ops.selective`) and abstention.
Commands: kerasvision train pipelines/classify_digits.py --out runs/uncertain --set epochs=4 model.dropout=0.3
          python pipelines/measure_uncertainty.py runs/uncertain --max-risk 0.02
Not measured yet.
"""

import argparse

import numpy as np

from kerasvision.api import load
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.data.pipeline import raw_examples, splits_of
from kerasvision.ops.selective import area_under_risk
from kerasvision.robustness.abstention import fitted
from kerasvision.systems.base import Session
from kerasvision.systems.repeated import entropy


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", metavar="RUN", help="folder of a finished run of a classifier with dropout")
    parser.add_argument("--max-risk", type=float, default=0.02, help="share that may be wrong (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=30, help="of dropout (default: %(default)s)")
    asked = parser.parse_args()
    model = load(asked.run)
    systems = {
        "dropout": create("systems/dropout_samples", draws=asked.draws),
        "copies": create("systems/test_time_augmentation", flips=(), shift_px=1),  # a mirrored digit is another one
    }
    found = {"plain": {split: plain(model, split) for split in ("validation", "test")}}
    for name, system in systems.items():
        found[name] = {split: repeated(model, system, split) for split in ("validation", "test")}
    for name, splits in found.items():
        for score in splits["test"][0]:
            (held, right), (given, is_right) = ((s[0][score], s[1]) for s in splits.values())
            area = area_under_risk(given, is_right)
            print(f"{name:8} {score:12} accuracy {is_right.mean():.4f}, AURC {area:.5f}, ", end="")
            print(answered(held, right, given, is_right, asked.max_risk))


def answered(held, right, given, is_right, max_risk):
    """What is answered of the test split where the validation split says from which score on, in words."""
    try:
        least = fitted(held, right, max_risk).threshold
    except UsageError as error:
        return f"no promise: {error}"
    kept = given >= least
    return f"answers {kept.mean():.3f}, of which {1 - is_right[kept].mean():.4f} are wrong"


def plain(model, split):
    """({score: [N], more is surer}, whether each answer is right, bool [N])."""
    rows, labels = [], []
    for inputs, truth, _ in raw_examples(splits_of(model.recipe)[split], model.arch):
        rows.append(model(inputs)["probabilities"])
        labels.append(truth["label"])
    probabilities = np.concatenate(rows)
    return scores(probabilities), probabilities.argmax(1) == np.concatenate(labels)


def repeated(model, system, split):
    """The same of a system, whose spread is a score too."""
    session, rows, spreads, labels = Session(system, {"classifier": model}), [], [], []
    for inputs, truth, _ in raw_examples(splits_of(model.recipe)[split], model.arch):
        for image, label in zip(inputs["image"], truth["label"], strict=True):
            answer = session.step({"image": image})
            rows.append(answer["probabilities"])
            spreads.append(answer["spread"])
            labels.append(label)
    probabilities = np.stack(rows)
    return scores(probabilities) | {"spread": -np.array(spreads)}, probabilities.argmax(1) == np.array(labels)


def scores(probabilities):
    """The largest probability, and the entropy, turned so that more is surer."""
    return {"probability": probabilities.max(1), "entropy": -entropy(probabilities)}


if __name__ == "__main__":
    main()
