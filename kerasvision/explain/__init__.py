"""Where in an image or a volume a model sees what it says: one explainer a file."""
