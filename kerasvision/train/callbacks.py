"""What happens around the steps: evaluation, the best weights, the progress bar."""

import csv
import io
import json
import math
import os
import pathlib
import sys
import time

import tensorflow as tf
import tf_keras as keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kerasvision.core.direction import is_better
from kerasvision.core.files import write_text
from kerasvision.inference.evaluation import evaluate_served
from kerasvision.ops.internals import takes_tensors

BEST_WEIGHTS = "best.weights.h5"  # in the folder of a phase
CHOSEN_BY = "chosen_by/"  # before the name of the metric that decides, in history.csv and metrics.json


class Fetch(keras.callbacks.Callback):
    """After every epoch: the weights of a graph under several replicas into a copy that stands on this process alone.

    Every worker runs it. What comes after (evaluating, saving) then needs no other worker: a moving average is one
    variable a replica, and merely reading it in the chief alone would wait for the others for ever.
    """

    def __init__(self, graph, local):
        super().__init__()
        self._graph, self._local = graph, local

    def on_epoch_end(self, epoch, logs=None):
        copy_weights(self._graph, self._local)


def copy_weights(source, target):
    """From a graph to another of the same structure. The order of weights depends on what is frozen, so that too."""
    for a, b in zip(source.layers, target.layers, strict=True):
        b.trainable = a.trainable
    target.set_weights(source.get_weights())


class Evaluate(keras.callbacks.Callback):
    """After every epoch: the task's metrics on the validation split, through the decoding that will be served, and what
    techniques measure.

    examples: an `inference.evaluation.Examples`. probes: metrics -> further ones, `train.probing.Probes`.
    """

    def __init__(self, served, examples, probes):
        super().__init__()
        self._served, self._examples, self._probes = served, examples, probes

    def on_epoch_end(self, epoch, logs=None):
        found = evaluate_served(self._served, self._examples)
        logs |= {f"validation/{k}": v for k, v in (found | self._probes(found)).items()}
        rate = self.model.optimizer.learning_rate
        logs["learning_rate"] = float(rate.numpy() if hasattr(rate, "numpy") else rate)


class Agree(keras.callbacks.Callback):
    """After every epoch of several workers: the chief's metric is everybody's, so that all keep the same epoch and stop
    after the same one, whatever rounding their processors differ by. Every worker runs it. replicas: of this worker.
    """

    def __init__(self, metric, chief, replicas):
        super().__init__()
        self._metric, self._chief, self._replicas = metric, chief, replicas

    def on_epoch_end(self, epoch, logs=None):
        own = logs.get(self._metric, math.nan) / self._replicas if self._chief else 0.0
        logs[self._metric] = float(_summed(self.model.distribute_strategy, tf.constant(own, tf.float64)))
        if math.isnan(logs[self._metric]):  # undefined after this epoch
            del logs[self._metric]


@tf.function(autograph=False)
def _summed(strategy, value):
    """Of a worker's value, held by each of its replicas, the sum over all replicas of all workers."""
    return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(lambda: value), axis=None)


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights of the epoch with the best metric, or of the last epoch where there is no such metric.

    graph: on this process alone. folder: of the phase; `best.weights.h5` and `best.json` survive a restart. They are
    written beside and renamed by the chief. first: epochs before this one, counted from 0, do not count. direction: of
    the metric, `core.direction.Direction`. patience: training ends after so many epochs that were not better; None: it
    goes on. An epoch whose metric is undefined is not better than one that has it.

    The logs get `chosen_by/NAME`: the metric of the weights that are kept so far.
    """

    def __init__(self, graph, folder, metric, chief, first=0, direction="max", patience=None):
        super().__init__()
        self._first, self._direction, self._patience = first, direction, patience
        self._graph, self._metric, self._chief = graph, metric, chief
        self._folder = pathlib.Path(folder)
        self._best, self._epoch, self._weights = None, 0, None  # epoch: of the best, counted from 1
        self.stopped = ""  # why training ended before its last epoch, in a line

    @property
    def path(self):
        """Where the best weights are, once an epoch has ended."""
        return self._folder / BEST_WEIGHTS

    @property
    def value(self):
        """The best metric, also from before a restart; None where there is none."""
        self._recall()
        return self._best

    def ended(self, epochs):
        """The line that says why training ended after so many epochs; "" while it is worth going on."""
        self._recall()
        if not self._patience or not self._epoch or epochs - self._epoch < self._patience:
            return ""
        return (
            f"stopped after epoch {epochs}: {self._metric} has not become better than {self._best:.4f}, of epoch "
            f"{self._epoch}, for {self._patience} epoch{'s' if self._patience > 1 else ''}"
        )

    def _recall(self):
        score = self._folder / "best.json"
        if not self._epoch and score.exists():
            held = json.loads(score.read_text())
            self._best, self._epoch = held[self._metric], held["epoch"]

    def on_train_begin(self, logs=None):
        self._recall()

    def on_epoch_end(self, epoch, logs=None):
        if epoch < self._first:
            return
        self._keep(epoch, logs.get(self._metric))
        if self._best is not None:
            logs[chosen_by(self._metric)] = self._best

    def _keep(self, epoch, value):
        if self._best is not None and (value is None or not is_better(value, self._best, self._direction)):
            if self.ended(epoch + 1) and epoch + 1 < self.params["epochs"]:
                self.stopped, self.model.stop_training = self.ended(epoch + 1), True
            return
        self._best, self._epoch, self._weights = value, epoch + 1, self._graph.get_weights()
        if self._chief:
            save_weights(self._graph, self.path)
            write_text(self._folder / "best.json", json.dumps({self._metric: value, "epoch": epoch + 1}))

    def restore(self, graph):
        """Put the best weights into `graph`, from memory or from before a restart."""
        if self._weights is None:
            self._graph.load_weights(self.path)
            self._weights = self._graph.get_weights()
        graph.set_weights(self._weights)


def chosen_by(metric):
    """The name under which it is recorded that a metric, with its split, decided."""
    return CHOSEN_BY + metric.split("/", 1)[1]


class History(keras.callbacks.Callback):
    """history.csv over all phases and restarts: one row an epoch, with the number of its phase.

    An epoch that was recorded but not backed up before an interruption is trained again, and replaces its row.
    """

    def __init__(self, path, phase):
        super().__init__()
        self._path, self._phase = pathlib.Path(path), phase

    def on_epoch_end(self, epoch, logs=None):
        rows = [r for r in read_history(self._path) if (int(r["phase"]), int(r["epoch"])) < (self._phase, epoch + 1)]
        rows.append({"phase": self._phase, "epoch": epoch + 1} | {k: float(v) for k, v in logs.items()})
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(dict.fromkeys(k for row in rows for k in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self._path, text.getvalue())


def read_history(path):
    """The rows of a history.csv, as dicts of strings; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def save_weights(graph, path):
    """Weights to an .h5 file, written beside and renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name.removesuffix('.weights.h5')}.partial.weights.h5")
    variables = graph.variables
    # HDF5 ends the process (segmentation fault) when a disk fills up under it, so the room is asked for before
    _reserve(beside, sum(v.dtype.size * v.shape.num_elements() + 4096 for v in variables))
    graph.save_weights(beside)
    beside.replace(path)


def _reserve(path, size):
    """Raise OSError unless the disk has room for so many bytes."""
    try:
        with path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
    except OSError:
        path.unlink(missing_ok=True)
        raise


class ShowProgress(keras.callbacks.Callback):
    """A live bar on stderr: epoch, steps, loss, the main metric, examples a second and the time left of the phase."""

    def __init__(self, title, epochs, steps, batch_size, metric):
        super().__init__()
        self._epochs, self._steps, self._batch_size, self._metric = epochs, steps, batch_size, metric
        self._title, self._value = title, ""
        takes_tensors(self)  # the loss is fetched a few times a second, not every step
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(compact=True),
        )
        console = Console(file=sys.stderr)
        self._bar = Progress(*columns, console=console, refresh_per_second=4, disable=not console.is_terminal)
        self._shown = self._started = 0.0

    def on_train_begin(self, logs=None):
        self._bar.start()
        self._task = self._bar.add_task(self._title, total=self._epochs * self._steps, state="starting")

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch, self._started, self._done = epoch, time.monotonic(), 0

    def on_train_batch_end(self, batch, logs=None):
        self._done += 1
        now = time.monotonic()
        if now - self._shown < 0.25:
            return
        self._shown = now
        rate = self._done * self._batch_size / max(1e-9, now - self._started)
        state = f"epoch {self._epoch + 1}/{self._epochs} loss {float(logs['loss']):.4f}{self._value} {rate:.0f}/s"
        self._bar.update(self._task, completed=self._epoch * self._steps + batch + 1, state=state)

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.monotonic() - self._started
        if self._metric in logs:
            self._value = f" {self._metric} {logs[self._metric]:.4f}"
        line = f"{self._title} epoch {epoch + 1}/{self._epochs} loss {float(logs['loss']):.4f}{self._value}"
        rate = f"{self._done * self._batch_size / seconds:.0f} examples/s"
        if self._bar.disable:
            print(f"{line} {rate}", file=sys.stderr, flush=True)
        self._bar.update(self._task, completed=(epoch + 1) * self._steps)

    def on_train_end(self, logs=None):
        self.close()

    def close(self):
        """Give the terminal back, also after an interruption."""
        self._bar.stop()
