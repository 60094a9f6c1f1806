"""What a model of several senses owes to each of them: its answers from all sets of senses, by Shapley shares.

Shares of modalities by Shapley values: "SHAPE: An Unified Approach to Evaluate the Contribution and Cooperation of
Individual Modalities" (Hu, Li, Zhou 2022, arXiv:2205.00302, section 3). There a missing modality is filled with zeros;
here the model's own answer for it counts.
"""

import dataclasses
import itertools

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.pipeline import evaluation_data, splits_of
from kerasvision.inference.evaluation import as_numpy, rows_of
from kerasvision.metrics.contributions import draw_contributions, sets_of, shapley, with_interval
from kerasvision.train.callbacks import read_history
from kerasvision.train.run import load_run

FLAGS = "senses"  # key of the prepared input that says which senses an example has
GRADIENT = "senses/gradient/"  # first part of a column's name in history.csv
BATCH = 64
GIVES_AWAY = 0.99  # of the result: a sense that has as much alone, and the others not together, may hold the answer
UNITS = {"label": "accuracy", "labels": "label accuracy", "targets": "R2"}


@dataclasses.dataclass(frozen=True)
class Figure:
    """name: of a sense, or of a set of them. value, low, high: with the 95 % interval of a bootstrap over examples."""

    name: str
    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Report:
    """unit: "accuracy"; of several labels the share of classes that are told right; of numbers R2. chance: of whoever
    looks at nothing and says what is most frequent in training, or its mean. sets: a `Figure` a set. shares: a `Figure`
    a sense, which add up to the last set's value less chance. changed: sense -> the share of answers that change where
    the sense is exchanged among the examples of a batch that have it. agreement: (sense, sense, share of examples on
    which both alone say the same). warnings: lines. name, split: of the recipe, and which was judged. gradients: sense
    -> {epoch: the norm of the gradient of its own layers}, where `techniques/balance_modalities` has recorded it;
    epochs of all phases are counted on, from 1.
    """

    examples: int
    unit: str
    chance: float
    sets: tuple
    shares: tuple
    changed: dict
    agreement: tuple
    warnings: tuple
    name: str = ""
    split: str = ""
    gradients: dict = dataclasses.field(default_factory=dict)

    def to_json(self):
        """A dict of strings, numbers and lists."""
        return dataclasses.asdict(self)


def modalities_of(folder, judged="test"):
    """The `Report` of a run. folder: of the run. judged: the split. Raises KerasVisionError of another family."""
    run = load_run(folder)
    senses = getattr(run.arch, FLAGS, ())
    if FLAGS not in run.arch.prepared_inputs() or (unit := UNITS.get(run.arch.label_keys[0])) is None:
        raise KerasVisionError(f"{folder}: {run.arch.registered_name} has one sense; modalities takes multi_modal/...")
    splits = splits_of(run.recipe, "train", judged)
    seen = _seen(run.served(), splits[judged], len(senses))
    constant = _constant(run.arch, splits["train"])
    scores = _scores(seen, constant, run.arch.label_keys[0])
    changed = dict(zip(senses, seen.changed, strict=True))
    report = report_of(senses, scores, changed, tuple(_agreement(run.arch, seen)), unit, splits[judged].groups)
    gradients = _gradients(senses, run.folder / "history.csv")
    return dataclasses.replace(report, name=run.recipe.name, split=judged, gradients=gradients)


def draw(report, path):
    """Write the chart of a `Report` as PNG."""
    sets, shares = ({f.name: (f.value, f.low, f.high) for f in figures} for figures in (report.sets, report.shares))
    draw_contributions(path, sets, shares, report.unit, report.chance, report.gradients)


def report_of(senses, scores, changed, agreement, unit, groups=()):
    """The `Report` of what is known of every example. scores: {set: float [N]}, as of `sets_of`."""
    named = {held: " + ".join(senses[n] for n in held) for held in scores if held}
    sets = {held: Figure(name, *with_interval(scores[held], groups)) for held, name in named.items()}
    parts = shapley(scores)
    shares = tuple(Figure(name, *with_interval(part, groups)) for name, part in zip(senses, parts, strict=True))
    whole = tuple(range(len(senses)))
    lines = [*_useless(shares, changed), *_giving_away(senses, sets, unit)]
    for held in sets:
        gain, low, _ = with_interval(scores[held] - scores[whole], groups)
        if held != whole and low > 0:
            lines.append(f"{named[held]} alone is better than all senses together, by {gain:.4f} (at least {low:.4f})")
    chance = float(np.mean(scores[()]))
    size, ordered = len(scores[whole]), tuple(sets.values())
    return Report(size, unit, chance, ordered, shares, dict(changed), tuple(agreement), tuple(lines))


def _gradients(senses, history):
    """{sense: {epoch: norm}} of a history.csv, of those of its rows, counted from 1, that have them all; {} where none
    has.
    """
    rows = [[row.get(f"{GRADIENT}{sense}") for sense in senses] for row in read_history(history)]
    held = {number: [float(norm) for norm in row] for number, row in enumerate(rows, start=1) if all(row)}
    return {sense: {epoch: row[n] for epoch, row in held.items()} for n, sense in enumerate(senses)} if held else {}


def _useless(shares, changed):
    for share in shares:
        ends = f"its share is {share.value:.4f} ({share.low:.4f} to {share.high:.4f})"
        if changed[share.name] == 0:
            yield f"{share.name} is ignored: exchanged among examples it changes no answer; {ends}"
        elif share.high < 0:
            yield f"{share.name} does harm: {ends}"
        elif share.low <= 0:
            yield f"{share.name} is of no use that could be told from chance: {ends}"


def _giving_away(senses, sets, unit):
    """Of a sense that nearly always suffices alone, where the others together do not."""
    every = range(len(senses))
    for n in every:
        others = tuple(k for k in every if k != n)
        alone, rest = sets[(n,)].value, sets[others].value
        if alone >= GIVES_AWAY > rest:
            yield (
                f"{senses[n]} may give the answer away: alone it has {unit} {alone:.4f}, all others together "
                f"{rest:.4f}; is it known before the answer is?"
            )


@dataclasses.dataclass(frozen=True, eq=False)
class _Seen:
    """predictions: {set: a prediction of all examples, stacked}. present: bool [N, senses]. answers: the ground truth,
    stacked. changed: as of `Report`, a share a sense.
    """

    predictions: dict
    present: np.ndarray
    answers: dict
    changed: list


def _seen(served, split, count):
    predictions, flips = {held: [] for held in sets_of(count) if held}, [[] for _ in range(count)]
    answers, present, rng = [], [], np.random.default_rng(0)
    for prepared, geometry, ground_truth in evaluation_data(split, served.arch, batch_size=BATCH):
        prepared = as_numpy(prepared)
        own = prepared[FLAGS] > 0
        for held, rows in predictions.items():
            flags = own & np.isin(np.arange(count), held)
            rows.append(as_numpy(served.predict(prepared | {FLAGS: flags.astype(np.uint8)}, geometry)))
        whole = predictions[tuple(range(count))][-1]
        for n, exchanged in enumerate(_exchanged(served.arch, prepared, own, rng)):
            if exchanged is not None:
                flip = served.arch.compare(whole, as_numpy(served.predict(exchanged, geometry)))[1]
                flips[n].append(flip[own[:, n]])
        present.append(own)
        answers.append({k: rows_of(v) for k, v in ground_truth.items()})
    stacked = {held: _stacked(rows) for held, rows in predictions.items()}
    changed = [float(np.concatenate(rows).mean()) if rows else 0.0 for rows in flips]
    return _Seen(stacked, np.concatenate(present), _stacked(answers), changed)


def _agreement(arch, seen):
    for (a, first), (b, second) in itertools.combinations(enumerate(arch.senses), 2):
        both = seen.present[:, a] & seen.present[:, b]
        if both.any():
            apart = arch.compare(seen.predictions[(a,)], seen.predictions[(b,)])[1][both]
            yield first, second, float(1.0 - apart.mean())


def _exchanged(arch, prepared, own, rng):
    """Of each sense: the batch with it exchanged among those examples that have it; None where there are not two."""
    for n, sense in enumerate(arch.senses):
        rows = np.flatnonzero(own[:, n])
        if len(rows) < 2:
            yield None
            continue
        order, circle = np.arange(len(own)), rng.permutation(rows)
        order[circle] = np.roll(circle, 1)  # nobody keeps its own
        yield prepared | {k: prepared[k][order] for k in arch.prepared_of(sense)}


def _stacked(rows):
    return {k: np.concatenate([row[k] for row in rows]) for k in rows[0]}


def _constant(arch, split):
    """What an answer without looking is, {key: array}: the mean of the training split's ground truth, of one label each
    class's share.
    """
    held = split.records.map(lambda record: arch.ground_truth(split.read(record)))
    rows = _stacked([{k: np.asarray(v)[None] for k, v in row.items()} for row in held.as_numpy_iterator()])
    if "label" in rows:
        return {"label": np.bincount(rows["label"], minlength=arch.num_classes).argmax()}
    return {k: rows[k].mean(0) for k in ("present", "targets") if k in rows}


def _scores(seen, constant, key):
    """{set: float [N]}: how right each example is told from each set; from no sense as by `constant`."""
    answers, present = seen.answers, seen.present
    if key == "label":
        wanted = answers["label"]
        none = wanted == constant["label"]
        held = {s: p["probabilities"].argmax(1) == wanted for s, p in seen.predictions.items()}
    elif key == "labels":
        wanted = answers["present"] > 0
        none = (wanted == (constant["present"] > 0.5)).mean(1)
        held = {s: ((p["present"] > 0) == wanted).mean(1) for s, p in seen.predictions.items()}
    else:
        wanted = answers["targets"].astype(np.float64)
        variance = np.where(wanted.var(0) > 0, wanted.var(0), 1.0)
        none = 1.0 - ((constant["targets"] - wanted) ** 2 / variance).mean(1)
        held = {s: 1.0 - ((p["values"] - wanted) ** 2 / variance).mean(1) for s, p in seen.predictions.items()}
    scores = {(): none.astype(np.float64)}
    for s, own in held.items():
        scores[s] = np.where(present[:, list(s)].any(1), own, none).astype(np.float64)
    return scores
