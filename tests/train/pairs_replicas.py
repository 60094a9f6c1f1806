"""Run as a script, in a process of its own: losses of pairs on one replica and on two mirrored ones.

Prints one JSON object, name -> largest differences, as `replicas.py` does.
"""

import json

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import create
from kerasvision.losses import pairs
from kerasvision.ops.gather import gathered
from kerasvision.tasks.embedding._compared import TERMS, PairLoss
from kerasvision.tasks.embedding.proxies import ProxyLoss
from kerasvision.train.strategy import make_strategy
from tests.train import tiny
from tests.train.replicas import compared

SCALE = 2.0  # of circle and Proxy-Anchor: losses of 100 differ by their last bit alone
OF_WORDS = ("contrastive", "sigmoid")
NOTHING = dict.fromkeys(TERMS, 0.0) | {"scale": SCALE}


def objective(name):
    """A term over the graph's logits as embeddings, as `Learner` takes it."""
    term = PairLoss(**NOTHING | {name: 1.0})
    return lambda targets, raw: term(tf.argmax(targets["logits"], -1, tf.int32), raw["logits"])


def anchored(targets, raw):
    """Proxy-Anchor over the graph's logits as cosines."""
    term = ProxyLoss(normalized_softmax=0.0, proxy_anchor=1.0, scale=SCALE)
    return term(targets["logits"], tf.tanh(raw["logits"]))


def of_words(objective):
    """`embedding/image_text` over the graph's logits, half of them the picture's and half the text's; of the labels
    some are equal, as texts may be.
    """
    arch = create("embedding/image_text", objective=objective, dimension=5)
    scale = [[SCALE]] if objective == "contrastive" else [[SCALE, -1.0]]

    def loss(targets, raw):
        pictures, words = tf.split(raw["logits"], 2, -1)
        held = {"embedding": pictures, "text_embedding": words}
        held["scale"] = tf.tile(scale, [tf.shape(pictures)[0], 1])
        return arch.loss({"text": tf.argmax(targets["logits"], -1, tf.int32)}, held)

    return loss


def build():
    """A small graph without a kink: it is traced once for each loss and replica."""
    image = keras.Input((8, 8, 3), name="image")
    hidden = keras.layers.Dense(16, "swish", name="hidden")(keras.layers.Flatten(name="flat")(image))
    return keras.Model({"image": image}, {"logits": keras.layers.Dense(10, name="logits")(hidden)})


def alone(targets, raw):
    """The same without gathering: what two replicas must not do."""
    rows = tf.math.l2_normalize(raw["logits"], -1)
    labels = tf.argmax(targets["logits"], -1)
    masks = pairs.pairs_of(labels, labels, tf.range(tf.shape(labels)[0]))
    return {"contrastive": pairs.supervised_contrastive(rows @ tf.transpose(rows), *masks, 0.1)}


def gathering(strategy):
    """On each replica r two rows r + 1, 10 (r + 1): what is gathered, the places, and the gradient by the own rows of
    the sum of row number * value over all, which both replicas have: twice the row's number.
    """

    def step():
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        rows = tf.constant([[1.0], [10.0]]) * tf.cast(replica + 1, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(rows)
            every, places = gathered(rows)
            total = tf.reduce_sum(every[:, 0] * tf.range(1.0, 5.0))
        whole, _ = gathered(tf.cast(rows, tf.int32))
        return every[:, 0], places, tape.gradient(total, rows)[:, 0], whole[:, 0]

    found = tf.function(lambda: strategy.run(step))()
    return [[np.asarray(v).tolist() for v in strategy.experimental_local_results(part)] for part in found]


def main():
    """All comparisons."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    one, two = tf.distribute.get_strategy(), make_strategy("mirrored")
    found = {name: compared(one, two, build, objective(name), tiny.sgd(0.01)) for name in TERMS}
    found["proxy_anchor"] = compared(one, two, build, anchored, tiny.sgd(0.01))
    found |= {f"of_words_{name}": compared(one, two, build, of_words(name), tiny.sgd(0.01)) for name in OF_WORDS}
    found["not gathered"] = compared(one, two, build, alone, tiny.sgd(0.01))
    found["gathered"] = gathering(two)
    return found


if __name__ == "__main__":
    print(json.dumps(main()))
