"""Necks: backbone levels to feature pyramids, as flat Keras layers."""
