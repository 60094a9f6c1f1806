"""Rows of all replicas, with gradients: what a loss needs that compares examples with one another."""

import tensorflow as tf


def gathered(rows):
    """Rows of this replica [B, ...] -> (those of all replicas [R B, ...], one replica after the other, and the place of
    each own row among them, int32 [B]).

    Each replica lays its rows into zeros and all are summed: `all_reduce` works, and has a gradient, under one process
    and under several, where `all_gather` fails in tracing ("destinations can not be empty"). The gradient of a row is
    what all replicas' losses say of it. Outside of a strategy, and on one replica, the rows are given back. All
    replicas must have equally many.
    """
    places = tf.range(tf.shape(rows)[0])
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return rows, places
    replicas = context.num_replicas_in_sync
    mine = tf.one_hot(context.replica_id_in_sync_group, replicas, dtype=rows.dtype)
    laid = tf.reshape(mine, [replicas, *[1] * rows.shape.rank]) * rows[tf.newaxis]
    summed = context.all_reduce(tf.distribute.ReduceOp.SUM, laid)
    shape = tf.concat([[-1], tf.shape(rows)[1:]], 0)
    return tf.reshape(summed, shape), places + context.replica_id_in_sync_group * tf.shape(rows)[0]
