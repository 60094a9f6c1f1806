"""Semantic segmentation: one class for each pixel."""
