"""The bytes of encoded pictures, read by TensorFlow's string operators before a native decoder sees them."""
