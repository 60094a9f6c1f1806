"""What a backbone has learned, told by simple classifiers on its frozen features, beside random weights and pixels.

Linear probes: "Understanding intermediate layers using linear classifier probes" (Alain, Bengio 2016,
arXiv:1610.01644). That pixels and random weights are hard to beat with few labels is why they stand in every table.
"""

import dataclasses

import numpy as np
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import architectures
from kerasvision.data.pipeline import evaluation_data
from kerasvision.data.sampling import single_labels
from kerasvision.ops.nearest import neighbors_vote
from kerasvision.train.run import load_run
from kerasvision.train.techniques.warm_start import put_by_name

PROBES = ("linear", "knn", "nearest class")
PENALTIES = 10.0 ** np.arange(-3, 5)  # of squared weights, in parts of an example
MOST_SIDE = 24  # pixels of a picture's side, as the row of raw pixels sees it
RESAMPLES, DRAWS, BATCH = 1000, 3, 64


@dataclasses.dataclass(frozen=True)
class Row:
    """features: what was probed. labels: how many pictures had one. probe: of `PROBES`. accuracy: on the judged split,
    the mean over draws of the labels; low, high: its 95 % interval, of a bootstrap over pictures and draws.
    """

    features: str
    labels: int
    probe: str
    accuracy: float
    low: float
    high: float


def probed(folder, source, amounts, judged="test", seed=0):
    """[`Row`] of a run's backbone. folder: of the run. source: a data source with labels. amounts: as of `counted`.
    judged: name of the split to tell the accuracy on. Raises KerasVisionError of a run without a backbone of pictures.
    """
    run = load_run(folder)
    arch = _embedder(run.arch, folder)
    splits = source.open().splits
    if judged not in splits:
        raise UsageError(f"no split {judged!r}; the data has {', '.join(splits)}")
    for name in ("train", judged):
        if "label" not in splits[name].read_spec:
            raise UsageError(f"probe: the {name} split has no labels; name data with one class a picture")
    labels = {name: single_labels(splits[name], "probe") for name in ("train", judged)}
    sizes = [counted(amount, labels["train"]) for amount in amounts]
    held = {name: _features(run, arch, splits[name], seed) for name in ("train", judged)}
    rows = []
    for size in sizes:
        draws = [drawn(labels["train"], size, seed + k) for k in range(DRAWS if size < len(labels["train"]) else 1)]
        for what, train in held["train"].items():
            rows += _judged(what, train, held[judged][what], labels["train"], labels[judged], draws)
    return rows


def counted(amount, labels):
    """How many pictures get a label: of "10%" or "600". labels: int [N] of the training split."""
    text = str(amount)
    try:
        size = float(text[:-1]) / 100 * len(labels) if text.endswith("%") else int(text)
    except ValueError:
        raise UsageError(f"labels {text!r}; allowed: a share such as 10%, or a number of pictures") from None
    classes = len(np.unique(labels))
    if not 0 < size <= len(labels):
        raise UsageError(f"labels {text!r}; allowed: above 0, to 100% or {len(labels)} pictures")
    return max(classes, round(size))


def drawn(labels, size, seed):
    """int [about size]: which pictures keep their label: of each class its share, and one at least."""
    rng, found = np.random.default_rng(seed), []
    for k in np.unique(labels):
        members = np.flatnonzero(labels == k)
        count = min(len(members), max(1, round(size * len(members) / len(labels))))
        found.append(rng.choice(members, count, replace=False))
    return np.sort(np.concatenate(found))


def _embedder(arch, folder):
    """An architecture of the run's backbone and preprocessing that needs no label."""
    if not hasattr(arch, "backbone") or list(arch.input_kinds()) != ["image"]:
        raise KerasVisionError(f"{folder}: {arch.registered_name} has no backbone over one picture to probe")
    cls = architectures["self_supervised/simclr"]
    shared = ("backbone", "image_size", "resize", "resample", "crop_fraction", "antialias")
    fields = {name: getattr(arch, name) for name in shared}
    if fields["resize"] == "windows":
        fields["resize"] = "stretch"
    return cls(**fields)


def _features(run, arch, split, seed):
    """What is probed -> float32 [N, D] of a split, in order."""
    trained, fresh = arch.build(), arch.build()
    draw_kernels(fresh, seed)
    if not put_by_name(run.graph, trained)[0]:
        raise KerasVisionError("probe: the run's graph has no layer by the name of its backbone's")
    graphs = {"run": trained, "random": fresh}
    maps = {name: keras.Model(graph.input, arch.last_level(graph)) for name, graph in graphs.items()}
    found = {}
    for prepared, _, _ in evaluation_data(split, arch, batch_size=BATCH):
        inputs = arch.normalize(prepared)
        held = {f"{name} weights": graph(inputs, training=False).numpy() for name, graph in maps.items()}
        for name, levels in held.items():
            found.setdefault(name, []).append(pooled(levels, 1))
            found.setdefault(f"{name}, 2 x 2", []).append(pooled(levels, 2))
        found.setdefault("raw pixels", []).append(pooled(inputs["image"].numpy(), MOST_SIDE))
    return {name: np.concatenate(rows).astype(np.float32) for name, rows in found.items()}


def draw_kernels(graph, seed):
    """Kernels of a graph as "Delving Deep into Rectifiers" draws them (He et al. 2015, arXiv:1502.01852, equation 10),
    by a seed alone.
    """
    rng = np.random.default_rng(seed)
    for layer in graph.layers:
        axes = 2 if isinstance(layer, keras.layers.DepthwiseConv2D) else -1
        held = layer.get_weights()
        kernels = [rng.normal(0, np.sqrt(2 / np.prod(w.shape[:axes])), w.shape) if w.ndim > 1 else w for w in held]
        layer.set_weights(kernels)


def pooled(levels, cells):
    """[B, H, W, C] -> [B, D], the means over cells x cells parts, as many as there are positions at most."""
    for axis in (1, 2):
        parts = np.array_split(levels, min(cells, levels.shape[axis]), axis)
        levels = np.stack([part.mean(axis) for part in parts], axis)
    return levels.reshape(len(levels), -1)


def _judged(what, train, judged, labels, ground_truth, draws):
    right = {probe: [] for probe in PROBES}
    for chosen in draws:
        x, y = train[chosen], labels[chosen]
        right["linear"].append(linear(x, y, judged) == ground_truth)
        right["knn"].append(neighbors_vote(_unit(judged), _unit(x), y) == ground_truth)
        right["nearest class"].append(nearest_class(x, y, judged) == ground_truth)
    return [Row(what, len(draws[0]), probe, *_interval(np.stack(held))) for probe, held in right.items()]


def linear(x, y, queries):
    """int [B]: the class with the largest value of a ridge regression onto one-hot vectors, in closed form.

    x: [N, D], standardized here; y: int [N]; queries: [B, D]. The penalty is the one of `PENALTIES` with the least
    squared error of each example predicted from the others (PRESS, Allen 1974, doi:10.1080/00401706.1974.10489157).
    """
    classes = np.unique(y)
    mean, deviation = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
    x, queries = ((v - mean) / np.maximum(deviation, 1e-6) for v in (x, queries))
    wanted = (y[:, None] == classes).astype(np.float64)
    level = wanted.mean(0)
    values, vectors = np.linalg.eigh(x.T @ x)
    values, turned = np.maximum(values, 0.0), x @ vectors
    projected = turned.T @ (wanted - level)
    best, chosen = np.inf, None
    for penalty in PENALTIES * len(x):
        scaled = 1.0 / (values + penalty)
        fitted = turned @ (scaled[:, None] * projected) + level
        leverage = np.minimum((turned**2) @ scaled + 1.0 / len(x), 1.0 - 1e-6)
        error = np.square((wanted - fitted) / (1.0 - leverage)[:, None]).sum()
        if error < best:
            best, chosen = error, vectors @ (scaled[:, None] * projected)
    return classes[(queries @ chosen + level).argmax(1)]


def nearest_class(x, y, queries):
    """int [B]: the class whose mean of vectors of length 1 has the largest cosine (Snell et al. 2017,
    arXiv:1703.05175, with cosines).
    """
    classes = np.unique(y)
    x = _unit(x)
    means = np.stack([x[y == k].mean(0) for k in classes])
    return classes[(_unit(queries) @ _unit(means).T).argmax(1)]


def _interval(right):
    """(mean, low, high) of bool [draws, N]."""
    rng, (draws, size) = np.random.default_rng(0), right.shape
    means = [right[rng.integers(0, draws, draws)].mean(0)[rng.integers(0, size, size)].mean() for _ in range(RESAMPLES)]
    return float(right.mean()), *(float(end) for end in np.percentile(means, [2.5, 97.5]))


def _unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
