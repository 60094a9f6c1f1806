"""How the pipeline traces what it maps."""

import tensorflow as tf


def plain(function):
    """Without AutoGraph, as `data/pipeline.py` does it, which takes a fifth of the time."""
    return tf.autograph.experimental.do_not_convert(function)
