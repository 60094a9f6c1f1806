"""Registry, recipe, JSON and errors. Imports no TensorFlow."""
