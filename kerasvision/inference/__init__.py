"""A trained model's answers: as pure TensorFlow functions, over a split, and on record."""
