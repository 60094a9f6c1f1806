"""`train`: any recipe, under any strategy, resumable, into a run folder."""

import dataclasses
import functools
import json
import pathlib
import shutil

import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.files import write_text
from kerasvision.core.keras_in_use import require_tf_keras
from kerasvision.data.inspect.check import tell_of
from kerasvision.data.pipeline import check_augmentations, check_split, evaluation_data, training_data, with_validation
from kerasvision.inference.evaluation import draw_evaluation, evaluated, examples_of
from kerasvision.inference.record import judged_split, record_of, write_record
from kerasvision.inference.served import Served
from kerasvision.ops.internals import gradients_let_go
from kerasvision.train.calibrate import calibrated, check_promise
from kerasvision.train.callbacks import Agree, Evaluate, Fetch, History, KeepBest, ShowProgress, copy_weights
from kerasvision.train.deciding import deciding
from kerasvision.train.interruption import BACKUP_STEPS, explained_disk, explained_fit, start_step
from kerasvision.train.learner import Learner
from kerasvision.train.phases import Contest
from kerasvision.train.probing import Probes, probing, views_of
from kerasvision.train.run import Trained, draw_curves, environment, save_run, structure
from kerasvision.train.session import Session, open_folder, refuse_another_recipe, refuse_patience
from kerasvision.train.strategy import is_chief, make_strategy, workers


def train(recipe, out, strategy="default", resume=False, watchers=()):
    """Train a recipe into the folder `out` and return the `Trained` model with its test metrics.

    strategy: "default", "mirrored" or "multi_worker". resume: go on where an interrupted run in `out` stopped;
    without it a folder that holds a run is refused. watchers: Keras callbacks, called when an epoch has been evaluated.
    """
    require_tf_keras()
    keras.utils.set_random_seed(recipe.seed)
    folder = open_folder(pathlib.Path(out), resume)
    scope = make_strategy(strategy)
    opened = recipe.data.open()
    if is_chief(scope):
        tell_of(recipe.data, opened)
    arch = recipe.model.for_classes(opened.classes)
    splits = with_validation(opened, recipe.validation_fraction)
    check_split(arch, splits["train"])
    arch = arch.for_data(splits["train"])
    check_promise(arch, splits)
    for phase in recipe.phases():
        check_augmentations(phase.augment, arch)
        arch.check_phase(phase, recipe.batch_size)
        for technique in phase.techniques:
            technique.first_epoch_to_keep(phase.epochs)  # refuses now what would be refused when the phase begins
    own, chosen_by = dataclasses.replace(recipe, model=arch), deciding(recipe, arch, opened.classes, splits)
    session = Session(own, arch, opened.classes, splits, scope, folder, tuple(watchers), *chosen_by)
    refuse_patience(session)
    if recipe.batch_size % scope.num_replicas_in_sync:
        raise KerasVisionError(
            f"batch_size={recipe.batch_size} cannot be shared by {scope.num_replicas_in_sync} replicas; set a multiple"
        )
    refuse_another_recipe(session)
    with explained_disk(folder):
        if session.chief:
            write_text(folder / "recipe.json", session.recipe.dumps())
            record = environment(strategy, scope.num_replicas_in_sync)
            write_text(folder / "environment.json", json.dumps(record, indent=2) + "\n")
        return _finish(*_fit_phases(session))


def _fit_phases(session):
    """(the session, with what the architecture has become; graph; figures of the phases)."""
    with session.strategy.scope():
        graph = session.arch.build()
        if line := session.arch.load_pretrained(graph):
            session.say(line)
    phases = session.recipe.phases()
    contest = Contest(phases, session.metric, session.direction, session.say)
    for number, phase in enumerate(phases, start=1):
        contest.begin(number, graph)
        own, phase = _with_data(session, phase)
        graph.trainable = True
        with session.strategy.scope():
            for technique in phase.techniques:
                technique.start(own.arch, graph)
            if number == 1:
                own = _filled(own, graph)
        session = dataclasses.replace(own, chosen=None)
        graph, value = _fit_phase(own, graph, phase, number)
        contest.end(number, graph, value)
    return session, graph, contest.finish(graph)


def _filled(session, graph):
    """The session, once the architecture has taken from the training split what needs no step."""
    if not session.arch.fills:
        return session
    data = evaluation_data(session.splits["train"], session.arch, batch_size=session.recipe.batch_size)
    arch = session.arch.fill(graph, ((prepared, ground_truth) for prepared, _, ground_truth in data))
    return dataclasses.replace(session, arch=arch, recipe=dataclasses.replace(session.recipe, model=arch))


def _fit_phase(session, graph, phase, number):
    """One compile and fit; returns the stripped graph with the best weights, and the metric that they have."""
    folder = session.folder / f"phase-{number}"
    finished = folder / "finished"
    with session.strategy.scope():
        for technique in phase.techniques:
            graph = technique.graph(session.arch, graph)
    if not phase.epochs:
        return _stripped(session, graph, phase), None
    with session.strategy.scope():
        learner = _learner(session, graph, phase)
    local = graph if session.strategy.num_replicas_in_sync == 1 else structure(session.recipe, training=number)
    first = max((t.first_epoch_to_keep(phase.epochs) for t in phase.techniques), default=0)
    best = KeepBest(local, folder, session.metric, session.chief, first, session.direction, phase.patience)
    if not finished.exists():
        steps = session.steps_per_epoch
        if not best.ended(start_step(folder / "backup", steps) // steps):  # interrupted between its end and its mark
            _run_fit(session, learner, phase, number, local, best)
    best.restore(graph)
    if session.chief:
        write_text(finished, "")
        shutil.rmtree(folder / "backup", ignore_errors=True)
    return _stripped(session, graph, phase), best.value


def _stripped(session, graph, phase):
    with session.strategy.scope():
        for technique in phase.techniques:
            graph = technique.strip(session.arch, graph)
    return graph


def _with_data(session, phase):
    """Both, once the phase's techniques have seen the training split and chosen from it."""
    train, arch = session.splits["train"], session.arch
    phase = dataclasses.replace(phase, techniques=tuple(t.fit_statistics(arch, train) for t in phase.techniques))
    for technique in phase.techniques:
        train = technique.records(train, arch)
    return dataclasses.replace(session, chosen=train), phase


def _learner(session, graph, phase):
    objective = session.arch.loss
    factors = {}
    for technique in phase.techniques:
        objective = technique.objective(objective, session.arch)
        for layer, factor in technique.learning_rates(session.arch, graph).items():
            for weight in graph.get_layer(layer).trainable_weights:
                factors.setdefault(weight.ref(), []).append(factor)
    observers = [o for t in phase.techniques if (o := t.observer(session.arch, graph)) is not None]
    learner = Learner(graph, objective, observers, _own_step(session, graph, phase))
    batches = updates = phase.epochs * session.steps_per_epoch
    for technique in phase.techniques:
        updates = technique.updates(updates)
    examples = session.recipe.batch_size * round(batches / max(1, updates))
    optimizer = phase.optimizer.for_batch(examples).make(updates, factors)
    if any(layer.compute_dtype == "float16" for layer in graph.layers):
        optimizer = keras.mixed_precision.LossScaleOptimizer(optimizer)
    for technique in phase.techniques:
        optimizer = technique.optimizer(optimizer)
    learner.compile(optimizer=optimizer)
    if not learner.trained_variables:
        raise KerasVisionError("nothing is left to train: the techniques of this phase freeze every layer")
    optimizer.build(learner.trained_variables)
    return learner


def _own_step(session, graph, phase):
    """What the one technique that computes gradients in its own way has in mind; None: there is none."""
    steps = [(t.registered_name, s) for t in phase.techniques if (s := t.around_step(session.arch, graph)) is not None]
    if len(steps) > 1:
        named = " and ".join(name for name, _ in steps)
        raise KerasVisionError(f"{named} both compute the gradients of a step; keep one of them in a phase")
    return steps[0][1] if steps else None


def _run_fit(session, learner, phase, number, local, best):
    """local: the trained graph, or a copy of it on this process alone when it has several replicas."""
    steps = session.steps_per_epoch
    title = session.recipe.name if len(session.recipe.phases()) == 1 else f"{session.recipe.name} phase {number}"
    progress = ShowProgress(title, phase.epochs, steps, session.recipe.batch_size, session.metric)
    callbacks = _callbacks(session, phase, number, learner.graph, local, best, progress)
    data = _distributed(session, phase, number)
    try:
        with gradients_let_go(), explained_fit(learner, session.folder, number, steps, best.path):
            learner.fit(data, epochs=phase.epochs, steps_per_epoch=steps, callbacks=callbacks, verbose=0)
    finally:
        progress.close()
    if line := best.stopped:
        session.say(f"{title} {line}")


def _callbacks(session, phase, number, graph, local, best, progress):
    folder = session.folder / f"phase-{number}"
    backup = folder / "backup"
    every = "epoch" if session.steps_per_epoch <= BACKUP_STEPS else BACKUP_STEPS
    callbacks = [c for t in phase.techniques for c in t.callbacks()]
    if local is not graph:
        callbacks.append(Fetch(graph, local))
    if "validation" in session.splits:
        options = {"batch_size": session.recipe.batch_size, "cache": session.recipe.cache}
        examples = examples_of(session.arch, session.classes, session.splits, "validation", **options)
        probes = Probes(phase.techniques, session.arch, local, session.splits, **options)
        callbacks.append(Evaluate(Served(session.arch, local, session.classes), examples, probes))
        if (processes := workers(session.strategy)) > 1:
            replicas = session.strategy.num_replicas_in_sync // processes
            callbacks.append(Agree(session.metric, session.chief, replicas))
        views = functools.partial(views_of, session, phase)
        watches = [t.watch(session.arch, local, views) for t in phase.techniques]
        callbacks += [w for w in watches if w is not None]
    callbacks.append(best)
    if session.chief:
        callbacks += [
            History(session.folder / "history.csv", number),
            keras.callbacks.TensorBoard(str(folder / "tensorboard"), write_graph=False),
            progress,
        ]
    # last, so that what it backs up has been evaluated and recorded; kept until the phase is marked as finished
    return [
        *callbacks,
        *session.watchers,
        keras.callbacks.BackupAndRestore(str(backup), save_freq=every, delete_checkpoint=False),
    ]


def _distributed(session, phase, number):
    """The training data; each replica gets its share of every global batch."""
    start = start_step(session.folder / f"phase-{number}" / "backup", session.steps_per_epoch)
    # each phase has its own stream of examples
    seed = session.recipe.seed + 1009 * (number - 1)

    def dataset(context=None):
        replicas = session.strategy.num_replicas_in_sync
        ours = replicas // workers(session.strategy)  # replicas in this process
        return training_data(
            session.trained_on,
            session.arch,
            phase,
            batch_size=session.recipe.batch_size // replicas,
            seed=seed,
            start_step=start * ours,
            replicas=ours,
            shard=(context.input_pipeline_id, context.num_input_pipelines) if context else (0, 1),
            cache=session.recipe.cache,
        )

    if session.strategy.num_replicas_in_sync == 1:
        return dataset()
    return session.strategy.distribute_datasets_from_function(dataset)


def _probed(session, arch, graph):
    """What the techniques of the last phase measure of the weights that are kept."""
    train, last = session.splits["train"], session.recipe.phases()[-1]
    techniques = [t.fit_statistics(arch, train) for t in probing(last.techniques)]
    return Probes(techniques, arch, graph, session.splits, batch_size=session.recipe.batch_size)


def _finish(session, graph, figures):
    """The trained model with its metrics, on this process alone, in the run folder. figures: of the phases."""
    arch, metrics, failed = session.arch, {}, None
    if session.strategy.num_replicas_in_sync > 1:
        trained, graph = graph, structure(session.recipe)
        copy_weights(trained, graph)
    if "validation" in session.splits:
        split = session.splits["validation"]
        try:
            arch = calibrated(arch, graph, session.classes, split, session.recipe.batch_size)
        except KerasVisionError as error:  # what was trained is saved all the same
            failed = error
    served, evaluators = Served(arch, graph, session.classes), {}
    for name in ("validation", "test"):
        if name in session.splits:
            size = session.recipe.batch_size
            examples = examples_of(arch, session.classes, session.splits, name, batch_size=size)
            evaluators[name] = evaluated(served, examples)
            found = evaluators[name].result()
            found |= _probed(session, arch, graph)(found) if name == "validation" else {}
            metrics |= {f"{name}/{k}": v for k, v in found.items()}
    recipe = dataclasses.replace(session.recipe, model=arch)
    mistakes = tuple(evaluators["test"].in_words()) if "test" in evaluators else ()
    trained = Trained(recipe, graph, session.classes, metrics | figures, session.folder, session.chief, mistakes)
    if session.chief:
        save_run(trained)
        judged = judged_split(session.splits)
        write_record(record_of(trained, judged, session.splits[judged]), session.folder)
        draw_curves(session.folder / "history.csv", session.folder / "curves.png")
        if "test" in evaluators:
            draw_evaluation(evaluators["test"], session.folder, session.splits["test"], arch)
    if failed:
        raise KerasVisionError(f"{session.folder} is trained and saved, but promises nothing: {failed}") from failed
    return trained
