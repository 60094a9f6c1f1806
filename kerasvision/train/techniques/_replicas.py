"""What a step on several replicas has to see of the others, so that it is the step of one on the whole batch."""

import tensorflow as tf


def of_all_replicas(values):
    """(those of all replicas one behind the other [N * B, ...], the place of this replica's first one, an int).

    values: of this replica [B, ...], as many as each other has. Outside of a strategy with several replicas they are
    all. No gradient passes.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values, 0
    number = tf.cast(context.replica_id_in_sync_group, tf.int32)
    return context.all_gather(tf.stop_gradient(values), axis=0), number * tf.shape(values)[0]


def rows_of_replica(values):
    """(how many rows all replicas have together, a slice: those of this replica among them). values: [B, ...], as many
    on each replica. What is drawn for all, each takes its own rows of, so that N replicas draw what one does.
    """
    count, context = tf.shape(values)[0], tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return count, slice(None)
    number = tf.cast(context.replica_id_in_sync_group, tf.int32)
    return count * context.num_replicas_in_sync, slice(number * count, (number + 1) * count)
