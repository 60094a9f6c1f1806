"""Sources, augmentations and the one pipeline. The only place that calls tf.data."""
