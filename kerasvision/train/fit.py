"""`train`: any recipe, under any strategy, resumable, into a run folder."""

import dataclasses
import json
import pathlib

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.keras_in_use import require_tf_keras
from kerasvision.data.pipeline import evaluation_data, training_data, with_validation
from kerasvision.export.evaluation import evaluate_served, predictions, stacked
from kerasvision.export.served import Served
from kerasvision.train.callbacks import Evaluate, History, KeepBest, ShowProgress, write_text
from kerasvision.train.learner import Learner
from kerasvision.train.run import Trained, draw_curves, environment, save_run
from kerasvision.train.strategy import is_chief, make_strategy, workers

BACKUP_STEPS = 500  # an epoch longer than this is backed up on the way


@dataclasses.dataclass
class Session:
    """One call of `train`: what all its phases share."""

    recipe: object
    arch: object
    classes: tuple
    splits: dict
    strategy: object
    folder: pathlib.Path

    @property
    def chief(self):
        """Whether this process writes files."""
        return is_chief(self.strategy)

    @property
    def steps_per_epoch(self):
        """Whole batches in the training split; at least one."""
        return max(1, self.splits["train"].size // self.recipe.batch_size)


def train(recipe, out, strategy="default", resume=False):
    """Train a recipe into the folder `out` and return the `Trained` model with its test metrics.

    strategy: "default", "mirrored" or "multi_worker". resume: go on where an interrupted run in `out` stopped;
    without it a folder that holds a run is refused.
    """
    require_tf_keras()
    keras.utils.set_random_seed(recipe.seed)
    folder = _open_folder(pathlib.Path(out), resume)
    scope = make_strategy(strategy)
    opened = recipe.data.open()
    arch = recipe.model.for_classes(opened.classes)
    splits = with_validation(opened, recipe.validation_fraction)
    session = Session(recipe, arch, opened.classes, splits, scope, folder)
    if recipe.batch_size % scope.num_replicas_in_sync:
        raise KerasVisionError(
            f"batch_size={recipe.batch_size} cannot be shared by {scope.num_replicas_in_sync} replicas; set a multiple"
        )
    if session.chief:
        write_text(folder / "recipe.json", dataclasses.replace(recipe, model=arch).dumps())
        record = environment(strategy, scope.num_replicas_in_sync)
        write_text(folder / "environment.json", json.dumps(record, indent=2) + "\n")
    graph = _fit_phases(session)
    return _finish(session, graph)


def _open_folder(folder, resume):
    if folder.exists() and any(folder.iterdir()) and not resume:
        raise KerasVisionError(f"{folder} is not empty; choose another --out, or go on with that run by --resume")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        raise KerasVisionError(f"cannot write to {folder}: {error.strerror}; choose another --out") from None
    return folder


def _fit_phases(session):
    with session.strategy.scope():
        graph = session.arch.build()
        session.arch.load_pretrained(graph)
    for number, phase in enumerate(session.recipe.phases(), start=1):
        graph = _fit_phase(session, graph, phase, number)
    return graph


def _fit_phase(session, graph, phase, number):
    """One compile and fit; returns the stripped graph with the best weights."""
    folder = session.folder / f"phase-{number}"
    finished = folder / "finished"
    graph.trainable = True
    with session.strategy.scope():
        for technique in phase.techniques:
            technique.start(session.arch, graph)
        for technique in phase.techniques:
            graph = technique.graph(session.arch, graph)
        learner = _learner(session, graph, phase)
    served = Served(session.arch, graph, session.classes)
    best = KeepBest(graph, folder, f"validation/{session.arch.main_metric}", session.chief)
    if not finished.exists():
        _run_fit(session, learner, phase, number, served, best)
    best.restore()
    if session.chief:
        write_text(finished, "")
    with session.strategy.scope():
        for technique in phase.techniques:
            graph = technique.strip(session.arch, graph)
    return graph


def _learner(session, graph, phase):
    objective = session.arch.loss
    factors = {}
    for technique in phase.techniques:
        objective = technique.objective(objective)
        for layer, factor in technique.learning_rates(session.arch, graph).items():
            factors |= {w.name: factor * factors.get(w.name, 1.0) for w in graph.get_layer(layer).trainable_weights}
    learner = Learner(graph, objective)
    optimizer = phase.optimizer.make(phase.epochs * session.steps_per_epoch, factors)
    if any(layer.compute_dtype == "float16" for layer in graph.layers):
        optimizer = keras.mixed_precision.LossScaleOptimizer(optimizer)
    learner.compile(optimizer=optimizer)
    optimizer.build(graph.trainable_variables)
    return learner


def _run_fit(session, learner, phase, number, served, best):
    folder, steps = session.folder / f"phase-{number}", session.steps_per_epoch
    metric = f"validation/{session.arch.main_metric}"
    title = session.recipe.name if len(session.recipe.phases()) == 1 else f"{session.recipe.name} phase {number}"
    progress = ShowProgress(title, phase.epochs, steps, session.recipe.batch_size, metric)
    try:
        learner.fit(
            _distributed(session, phase, number),
            epochs=phase.epochs,
            steps_per_epoch=steps,
            callbacks=_callbacks(session, phase, number, served, best, progress),
            verbose=0,
        )
    except KeyboardInterrupt:
        raise KerasVisionError(
            f"stopped in phase {number}; the last backup is in {folder}; go on with --resume --out {session.folder}"
        ) from None
    except tf.errors.InvalidArgumentError as error:
        if "the loss" not in str(error):
            raise
        step = int(learner.optimizer.iterations.numpy()) + 1
        kept = f"the best weights so far are in {folder / 'best.weights.h5'}"
        raise KerasVisionError(
            f"the loss became NaN or infinite at step {step} of phase {number} "
            f"(epoch {(step - 1) // steps + 1}); {kept}; try a smaller optimizer.learning_rate or optimizer.clip_norm=1"
        ) from None
    finally:
        progress.close()


def _callbacks(session, phase, number, served, best, progress):
    folder = session.folder / f"phase-{number}"
    backup = folder / "backup"
    every = "epoch" if session.steps_per_epoch <= BACKUP_STEPS else BACKUP_STEPS
    callbacks = [c for t in phase.techniques for c in t.callbacks()]
    if "validation" in session.splits:
        split = session.splits["validation"]
        data = evaluation_data(split, session.arch, batch_size=session.recipe.batch_size, cache=session.recipe.cache)
        callbacks += [Evaluate(served, data), best]
    if session.chief:
        callbacks += [
            History(session.folder / "history.csv", number),
            keras.callbacks.TensorBoard(str(folder / "tensorboard"), write_graph=False),
            progress,
        ]
    # last, so that what it backs up has been evaluated and recorded
    return [*callbacks, keras.callbacks.BackupAndRestore(str(backup), save_freq=every)]


def start_step(backup, steps_per_epoch):
    """Steps behind the backup in this folder; 0 without one. Keras restores the weights, this places the data."""
    checkpoint = tf.train.latest_checkpoint(str(pathlib.Path(backup) / "chief"))
    if checkpoint is None:
        return 0
    reader = tf.train.load_checkpoint(checkpoint)
    epoch, batch = (
        int(reader.get_tensor(f"ckpt_saved_{what}/.ATTRIBUTES/VARIABLE_VALUE")) for what in ("epoch", "batch")
    )
    whole = steps_per_epoch <= BACKUP_STEPS  # then it was written after the epoch
    return (epoch + 1) * steps_per_epoch if whole else epoch * steps_per_epoch + batch + 1


def _distributed(session, phase, number):
    """The training data; each replica gets its share of every global batch."""
    start = start_step(session.folder / f"phase-{number}" / "backup", session.steps_per_epoch)
    # each phase has its own stream of examples
    seed = session.recipe.seed + 1009 * (number - 1)

    def dataset(context=None):
        replicas = session.strategy.num_replicas_in_sync
        ours = replicas // workers(session.strategy)  # replicas in this process
        return training_data(
            session.splits["train"],
            session.arch,
            phase,
            batch_size=session.recipe.batch_size // replicas,
            seed=seed,
            start_step=start * ours,
            shard=(context.input_pipeline_id, context.num_input_pipelines) if context else (0, 1),
            cache=session.recipe.cache,
        )

    if session.strategy.num_replicas_in_sync == 1:
        return dataset()
    return session.strategy.distribute_datasets_from_function(dataset)


def _finish(session, graph):
    arch, metrics = session.arch, {}
    if "validation" in session.splits:
        data = evaluation_data(session.splits["validation"], arch, batch_size=session.recipe.batch_size)
        arch = arch.tune(*stacked(predictions(Served(arch, graph, session.classes), data)))
    served = Served(arch, graph, session.classes)
    for name in ("validation", "test"):
        if name in session.splits:
            data = evaluation_data(session.splits[name], arch, batch_size=session.recipe.batch_size)
            metrics |= {f"{name}/{k}": v for k, v in evaluate_served(served, data).items()}
    recipe = dataclasses.replace(session.recipe, model=arch)
    trained = Trained(recipe, graph, session.classes, metrics, session.folder, session.chief)
    if session.chief:
        save_run(trained)
        draw_curves(session.folder / "history.csv", session.folder / "curves.png")
    return trained
