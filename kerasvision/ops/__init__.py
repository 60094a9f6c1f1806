"""Pure TensorFlow functions: geometry, resampling, boxes, color."""
