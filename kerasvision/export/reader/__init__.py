"""A page reader as one SavedModel: its crops, cuts and strings as TensorFlow's operators, equal to the host's."""
