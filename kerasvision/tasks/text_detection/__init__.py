"""Where text stands in a picture."""
