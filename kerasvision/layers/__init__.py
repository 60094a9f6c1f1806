"""Keras layers that the graphs share."""
