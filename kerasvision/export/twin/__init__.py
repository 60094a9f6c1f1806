"""A .tflite rebuilt in TensorFlow on its own scales and zero points, so that it has gradients: a group of operators a
file.
"""
