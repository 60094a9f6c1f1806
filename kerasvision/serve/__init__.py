"""A server with TensorFlow Serving's API, for where TensorFlow Serving itself is not installed."""
