"""Explanations of a classifier's prediction as a heat map over the image: one explainer a file."""
