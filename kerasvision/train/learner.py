"""The one Keras model that is not an architecture's graph: it fits any of them."""

import abc

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.layers.norm import count_all_replicas, several_replicas

MOST_TERMS = 15  # of one loss, that are reported beside it


class SeesAnswers(tf.Module, abc.ABC):
    """Abstract. An observer that also sees what the graph answers."""

    @abc.abstractmethod
    def answered(self, targets, raw):
        """Called before the loss, with what it gets; of one step again where its technique computes the loss again
        (`around_step`).
        """


class Learner(keras.Model):
    """Trains `graph` on `objective(targets, raw) -> {name: [B]}`.

    The loss is the mean over the batch of each term, the terms summed, plus the graph's regularizers. It is divided by
    the number of replicas because gradients are summed over them: then N replicas and one give the same step.
    observers, step: as `techniques.base` describes them; observers may change what the graph sees, and those that are a
    `tf.Module` keep their variables through a restart.
    """

    def __init__(self, graph, objective, observers=(), step=None):
        super().__init__(name="learner")
        self.graph = graph
        self._objective, self._step = objective, step
        vars(self)["observers"] = tuple(observers)  # not for Keras to look through; of what they hold it gets variables
        modules = [o for o in observers if isinstance(o, tf.Module)]
        self.observer_variables = [v for module in modules for v in module.variables]  # so that backups have them
        # one vector: Keras wants a metric's variables before the first step, and only that step knows the terms
        self._means, self._terms = keras.metrics.MeanTensor("means", shape=(1 + MOST_TERMS,)), ()
        self.distribute_reduction_method = "first"  # the means are over all replicas already
        if several_replicas():
            for held in (graph, *modules):
                count_all_replicas(held)
        vars(self)["projections"] = []  # what puts kernels where a rule wants them; not for Keras to track and save
        self.built = True  # the graph has its weights already; backups need to know

    @property
    def trained_variables(self):
        """What learns. Not `graph.trainable_variables`: tfmot's wrappers name frozen kernels there too."""
        return [v for layer in self.graph.layers if layer.trainable for v in layer.trainable_variables]

    @property
    def metrics(self):
        return [self._means]

    def get_metrics_result(self):
        """`loss`, and its terms where there are several."""
        means = self._means.result()
        return {name: means[number] for number, name in enumerate(("loss", *self._terms))}

    def call(self, inputs, training=None):
        return self.graph(inputs, training=training)

    def train_step(self, data):
        """One step on (graph inputs, targets). A loss that is not finite stops training with an error."""
        inputs, targets = data
        for observe in self.observers:
            seen = observe(inputs, targets)
            inputs, targets = seen if isinstance(seen, tuple) else (inputs, seen)
        variables = self.trained_variables

        def compute():
            return self._gradients(inputs, targets, variables)

        values, gradients = self._step(compute, variables) if self._step else compute()
        with tf.control_dependencies(values):  # no weight and no step counter moves unless the loss is finite
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        self._means.update_state(tf.pad(tf.stack(values), [[0, 1 + MOST_TERMS - len(values)]]))
        return self.get_metrics_result()

    def _gradients(self, inputs, targets, variables):
        """(the loss and, where there are several, its terms; the gradients of this replica's share of it)."""
        with tf.GradientTape() as tape:
            raw = self.graph(inputs, training=True)
            raw = {k: tf.cast(v, tf.float32) for k, v in raw.items()}  # float16 under mixed precision
            for observe in self.observers:
                if isinstance(observe, SeesAnswers):
                    observe.answered(targets, raw)
            terms = {name: tf.reduce_mean(loss) for name, loss in self._objective(targets, raw).items()}
            total = tf.add_n([*terms.values(), *(tf.cast(r, tf.float32) for r in self.graph.losses)])
            total = tf.debugging.check_numerics(total, "the loss")
            share = total / tf.distribute.get_strategy().num_replicas_in_sync
        gradients = [g for g, _ in self.optimizer.compute_gradients(share, variables, tape)]
        self._terms = tuple(terms) if len(terms) > 1 else ()
        if len(terms) > MOST_TERMS:
            raise KerasVisionError(f"a loss of {len(terms)} terms; at most {MOST_TERMS} can be reported")
        return [total, *(terms[name] for name in self._terms)], gradients
