"""Knowledge distillation: a student learns what a finished run, its teacher, answers, and from the labels besides.

soft_targets: "Distilling the Knowledge in a Neural Network" (Hinton, Vinyals, Dean 2015, arXiv:1503.02531, section 2).
logits: "Do Deep Nets Really Need to be Deep?" (Ba, Caruana 2014, arXiv:1312.6184, equation 1).
Several teachers are an ensemble that is distilled (Hinton et al., section 2); a teacher of the student's own
architecture makes it a born-again network (Furlanello et al. 2018, arXiv:1805.04770).
"""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError, close_matches
from kerasvision.core.registry import techniques
from kerasvision.losses.divergence import logit_error, sigmoid_divergence, softmax_divergence
from kerasvision.train.techniques.base import Technique
from kerasvision.train.techniques.warm_start import of_other_words

SEEN = "teacher/"  # first part of a target's name; then its form and the raw key: "teacher/softmax/logits"


@techniques.register("distill")
@dataclasses.dataclass(frozen=True)
class Distill(Technique):
    """Loss: alpha * distillation + (1 - alpha) * the task's own.

    teacher: folder of a finished run, or several. They need the student's preprocessing and its raw outputs. on:
    `soft_targets` is the divergence KL(teacher || student) of probabilities at `temperature`, times its square, for raw
    keys that hold logits of classes, of several teachers the mean of their probabilities; `logits` is half the squared
    difference of raw values, of several teachers the mean of their values. Both are the mean over positions; over
    classes, softmax's divergence is a sum, a sigmoid's divergence and squared differences are a mean. keys: of raw,
    those to learn; empty: all that `on` can compare. The teacher answers what augmentation has made of each example,
    so its answers are not cached.
    """

    teacher: str | tuple[str, ...]
    temperature: float = 4.0
    alpha: float = 0.9
    on: typing.Literal["soft_targets", "logits"] = "soft_targets"
    keys: tuple[str, ...] = ()

    def __post_init__(self):
        super().__post_init__()
        if not self.teacher or not all(self._folders):
            raise UsageError(f"distill.teacher={self.teacher!r}; name the folder of a finished run, or several")
        if not self.temperature > 0:
            raise UsageError(f"distill.temperature={self.temperature:g}; allowed: above 0 (2 to 10 are usual)")
        if not 0 < self.alpha <= 1:
            raise UsageError(f"distill.alpha={self.alpha:g}; allowed: above 0, to 1 (no labels at all)")

    @property
    def _folders(self):
        return (self.teacher,) if isinstance(self.teacher, str) else self.teacher

    def fit_statistics(self, arch, split):
        from kerasvision.train.run import classes_of

        for folder in self._folders:
            theirs = classes_of(folder)
            if split.classes and theirs != split.classes:
                raise KerasVisionError(
                    f"distill: the teacher {folder} knows {_shortened(theirs)} and the data has "
                    f"{_shortened(split.classes)}; they must be the same, in the same order"
                )
        return self

    def observer(self, arch, graph):
        teachers = [open_teacher("distill", folder, arch) for folder in self._folders]
        forms = self._forms(arch, graph)
        for folder, teacher in zip(self._folders, teachers, strict=True):
            _check_outputs(folder, teacher.graph, graph, forms)
            if of_other_words(teacher.arch, arch):
                raise KerasVisionError(
                    f"distill: the teacher {folder} has another vocabulary; set model.vocabulary to it"
                )
        graphs = [teacher.graph for teacher in teachers]

        def observe(inputs, targets):
            raws = [held(inputs, training=False) for held in graphs]
            seen = {}
            for key, form in forms.items():
                values = [self._prediction(form, tf.cast(raw[key], tf.float32)) for raw in raws]
                seen[f"{SEEN}{form}/{key}"] = tf.add_n(values) / len(values)
            return targets | seen

        return observe

    def _forms(self, arch, graph):
        """Raw key -> "softmax", "sigmoid" or "values": how it is compared."""
        if self.on == "logits":
            able = {key: "values" for key in graph.output if "/" not in key}  # with a slash: another technique's own
            able = {key: form for key, form in able.items() if not arch.taught or key in arch.taught}
        else:
            able = dict(arch.class_logits)
        for key in self.keys:
            if key not in able:
                raise UsageError(
                    f"distill.keys: {arch.registered_name} has no {key!r} for on={self.on!r}; "
                    f"{close_matches(key, able)}"
                )
        if not able:
            raise UsageError(
                f"distill.on='soft_targets': no raw output of {arch.registered_name} is known to hold logits of "
                "classes; set on='logits'"
            )
        return {key: able[key] for key in self.keys or able}

    def _prediction(self, form, raw):
        if form == "softmax":
            return tf.nn.softmax(raw / self.temperature)
        return tf.sigmoid(raw / self.temperature) if form == "sigmoid" else raw

    def objective(self, loss, arch):
        def mixed(targets, raw):
            seen = {key: value for key, value in targets.items() if key.startswith(SEEN)}
            own = loss({key: value for key, value in targets.items() if key not in seen}, raw)
            terms = [self._term(key, value, raw) for key, value in seen.items()]
            return {name: (1.0 - self.alpha) * term for name, term in own.items()} | {
                "distill": self.alpha * tf.add_n(terms)
            }

        return mixed

    def _term(self, name, seen, raw):
        form, key = name.removeprefix(SEEN).split("/", 1)
        if form == "values":
            return logit_error(seen, raw[key])
        divergence = softmax_divergence if form == "softmax" else sigmoid_divergence
        return divergence(seen, raw[key], self.temperature)


def open_teacher(technique, folder, arch):
    """The run in a folder, not trainable, if it sees what a student of this architecture sees."""
    from kerasvision.train.run import load_run

    teacher = load_run(folder)
    theirs, ours = teacher.arch.prepared_inputs(), arch.prepared_inputs()
    if theirs != ours:
        raise KerasVisionError(
            f"{technique}: the teacher {folder} takes {_sizes(theirs)} and the student {_sizes(ours)}; "
            "give the student the teacher's input size"
        )
    if other := arch.prepared_unlike(teacher.arch):
        raise KerasVisionError(
            f"{technique}: the teacher {folder} was trained with other preprocessing ({'; '.join(other)}); give both "
            "the same"
        )
    teacher.graph.trainable = False
    return teacher


def _check_outputs(folder, theirs, ours, keys):
    """One line about raw outputs that cannot be compared."""
    for key in keys:
        if key not in theirs.output:
            raise KerasVisionError(
                f"distill: the teacher {folder} has no raw output {key!r}, only {', '.join(theirs.output)}; take a "
                "teacher of the student's task"
            )
        seen, own = theirs.output[key].shape, ours.output[key].shape
        if seen.as_list() != own.as_list():
            rows = seen[1:].as_list(), own[1:].as_list()
            classes = rows[0][:-1] == rows[1][:-1]
            what, shown = ("number of classes", (rows[0][-1], rows[1][-1])) if classes else ("shape", rows)
            raise KerasVisionError(
                f"distill: {key!r} of the teacher {folder} has another {what} than the student's: {shown[0]} and not "
                f"{shown[1]}; take a teacher trained on the same classes and positions"
            )


def _shortened(classes):
    return ", ".join(classes[:5]) + (", ..." if len(classes) > 5 else "")


def _sizes(specs):
    return ", ".join(f"{key} {list(spec.shape[1:])}" for key, spec in specs.items())
