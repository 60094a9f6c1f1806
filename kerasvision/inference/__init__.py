"""Inference with a trained model: as pure TensorFlow functions, over a split, of one example, and on record."""
