"""Slow down the sense that is ahead, so that it does not stop the others from learning, and let each answer alone.

"Balanced Multimodal Learning via On-the-fly Gradient Modulation" (OGM-GE; Peng et al. 2022, arXiv:2203.15332, sections
3.3 and 3.4). There each sense's answer is read off the joint classifier, which adds up one part a sense; here a head of
its own gives it, since most fusions have no such parts. Heads whose losses count are those of "What Makes Training
Multi-modal Classification Networks Hard?" (Wang et al. 2020, arXiv:1905.12681, section 3).
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.train.learner import SeesAnswers
from kerasvision.train.techniques._sense_heads import (
    FIGURES,
    MARK,
    head,
    own_layers,
    own_outputs,
    state_of,
    with_heads,
)
from kerasvision.train.techniques.base import Technique

THERE = f"{MARK}there"  # target [B, M]: which senses an example has


@techniques.register("balance_modalities")
@dataclasses.dataclass(frozen=True)
class BalanceModalities(Technique):
    """Of models of several senses. Each sense gets a head, which learns the task's loss from what looks at this sense
    alone (terms `alone_SENSE`), where an example has it; heads are in no file.

    alpha: s is the mean over the batch of exp(-loss) of a head, of one class the probability of the right one, and rho
    a sense's s by the mean of the others'. Where rho is above 1, the learning rate of the layers that look at this
    sense alone is multiplied by 1 - tanh(alpha rho) in this step; 0: by 1. (The paper multiplies gradients, which is
    the same for plain descent, and nothing for optimizers like Adam, whose steps do not depend on their size.)
    noise: deviation of normal noise that is added to the gradients of these layers' kernels, in deviations of the
    gradient's own elements: 1 as in the authors' code. weight: of what goes from the heads' losses into these
    layers, 0 to 1; 0: heads only watch. seed: of the noise.

    history.csv gets, of each sense and epoch, means over the steps: `senses/gradient/SENSE`, the norm of the gradient
    of these layers' weights, `senses/alone/SENSE`, s, and `senses/factor/SENSE`. `alpha=0, noise=0, weight=0` does
    nothing else, but that the loss of history.csv has the heads' terms, and that an optimizer's `clip_norm` counts
    their gradients. With `accumulate` the factor is that of the last batch of each update. It computes gradients in its
    own way, so it shares no phase with `sam`.
    """

    alpha: float = 0.5
    noise: float = 0.0
    weight: float = 0.0
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        for name, most in (("alpha", float("inf")), ("noise", float("inf")), ("weight", 1.0)):
            value = getattr(self, name)
            if not (0 <= value <= most and value < float("inf")):
                allowed = "0 to 1" if most == 1 else "0 or more"
                raise UsageError(f"balance_modalities.{name}={value:g}; allowed: {allowed}")

    def fit_statistics(self, arch, split):
        if not arch.sense_flags:
            raise UsageError(f"balance_modalities: {arch.registered_name} has one sense; multi_modal/... have several")
        return self

    def graph(self, arch, graph):
        if others := [key for key in graph.output if "/" in key]:
            raise UsageError(
                f"balance_modalities goes before what adds {others[0]} to the graph; name it first in techniques"
            )
        return with_heads(arch, graph, self.weight)

    def strip(self, arch, graph):
        return keras.Model(graph.input, own_outputs(graph.output), name=graph.name)

    def observer(self, arch, graph):
        return _Answers(self, arch, graph)

    def objective(self, loss, arch):
        senses = list(arch.sense_inputs)

        def balanced(targets, raw):
            given, own = own_outputs(targets), own_outputs(raw)
            terms = dict(loss(given, own))
            for number, sense in enumerate(senses):
                alone = tf.add_n(list(loss(given, {key: raw[head(sense, key)] for key in own}).values()))
                terms[f"alone_{sense}"] = targets[THERE][:, number] * alone
            return terms

        return balanced

    def learning_rates(self, arch, graph):
        factors = state_of(graph).factors
        return {name: lambda n=number: factors[n] for name, number in own_layers(arch, graph).items()}

    def around_step(self, arch, graph):
        state, numbers = state_of(graph), own_layers(arch, graph)
        sense_of = {v.ref(): numbers[x.name] for x in graph.layers if x.name in numbers for v in x.trainable_weights}
        senses = len(arch.sense_inputs)

        def step(compute, variables):
            values, gradients = compute()
            places = [n for n, v in enumerate(variables) if v.ref() in sense_of and gradients[n] is not None]
            summed = _over_replicas([tf.convert_to_tensor(gradients[n]) for n in places])
            squares = [tf.zeros([])] * senses
            for place, gradient in zip(places, summed, strict=True):
                number = sense_of[variables[place].ref()]
                squares[number] += tf.reduce_sum(tf.square(tf.cast(gradient, tf.float32)))
                if self.noise and _is_kernel(variables[place]):
                    noise = self.noise_of(gradient, state.steps, place)
                    gradients[place] = tf.convert_to_tensor(gradients[place]) + noise / _replicas()
            norms = tf.sqrt(tf.stack(squares))
            state.record("gradient", norms, tf.cast(tf.math.is_finite(norms), tf.float32))
            state.steps.assign_add(1)
            return values, gradients

        return step

    def callbacks(self):
        return (_Record(),)

    def factors(self, answers, there):
        """Equation 10: k of each sense, float32 [M]. answers: s [M]. there: [M], 1 where any example of the batch has
        the sense; others are nobody's rivals.
        """
        others = tf.reduce_sum(answers * there) - answers * there
        count = tf.reduce_sum(there) - there
        ratios = there * tf.math.divide_no_nan(answers * count, others)
        return tf.where(ratios > 1.0, 1.0 - tf.tanh(self.alpha * ratios), 1.0)

    def noise_of(self, gradient, step, place):
        """h of section 3.4, drawn alike on every replica. gradient: of all replicas. step: int64. place: an int."""
        deviation = tf.cast(self.noise, gradient.dtype) * tf.math.reduce_std(gradient)
        seed = tf.stack([tf.cast(step, tf.int64), tf.constant(self.seed * 10_007 + place, tf.int64)])
        return deviation * tf.random.stateless_normal(tf.shape(gradient), seed, dtype=gradient.dtype)


class _Answers(SeesAnswers):
    """What each sense says of a batch decides its factor. (inputs, targets) -> targets with who has which sense."""

    def __init__(self, technique, arch, graph):
        super().__init__(name="balance_modalities")
        state = state_of(graph)
        self._state = lambda: state  # in the graph already: not to be saved as a part of this one
        self._technique, self._arch = technique, arch

    def __call__(self, inputs, targets):
        return targets | {THERE: tf.cast(inputs[self._arch.sense_flags], tf.float32)}

    def answered(self, targets, raw):
        given, own, there = own_outputs(targets), own_outputs(raw), targets[THERE]
        losses = []
        for sense in self._arch.sense_inputs:
            terms = self._arch.loss(given, {key: raw[head(sense, key)] for key in own})
            losses.append(tf.stop_gradient(tf.add_n(list(terms.values()))))
        said = tf.minimum(tf.exp(-tf.stack(losses, 1)), 1.0)
        total, count = _over_replicas([tf.reduce_sum(said * there, 0), tf.reduce_sum(there, 0)])
        answers, any_there = tf.math.divide_no_nan(total, count), tf.cast(count > 0, tf.float32)
        factors, state = self._technique.factors(answers, any_there), self._state()
        state.factors.assign(factors)
        state.record("alone", answers, any_there)
        state.record("factor", factors, any_there)


class _Record(keras.callbacks.Callback):
    """Puts the means of an epoch into its logs, and begins anew."""

    def on_epoch_end(self, epoch, logs=None):
        state = state_of(self.model.graph)
        sums, counts = state.sums.numpy(), state.counts.numpy()
        for row, figure in enumerate(FIGURES):
            for number, sense in enumerate(state.senses):
                if counts[row, number]:
                    logs[f"{MARK}{figure}/{sense}"] = float(sums[row, number] / counts[row, number])
        for variable in (state.sums, state.counts):
            variable.assign(tf.zeros_like(variable))


def _is_kernel(variable):
    return len(variable.shape) > 1 and variable.name.split(":")[0].endswith("kernel")


def _replicas():
    return float(tf.distribute.get_strategy().num_replicas_in_sync)


def _over_replicas(values):
    """The sums over all replicas of tensors of each."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1 or not values:
        return values
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values)
