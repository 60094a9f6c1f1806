"""Borders between a label and other classes: how far the label is ahead, and along which pixels."""

import numpy as np
import tensorflow as tf


def likeliest(logits, labels, count):
    """The classes other than the label that a model thinks likeliest, int [B, at most count]."""
    order = np.argsort(-np.asarray(logits), 1, kind="stable")
    others = [row[row != own] for row, own in zip(order, labels, strict=True)]
    return np.stack(others)[:, :count]


def leads(model, images, labels, classes):
    """For each of a picture's classes: how far the label's logit is ahead of it, [C, B], and the slope of that by the
    pixels, [C, B, h, w, 3]; numpy. classes: int [B, C].
    """
    found = []
    for column in np.asarray(classes).T:

        def ahead(logits, column=column):
            return tf.gather(logits, labels, batch_dims=1) - tf.gather(logits, column, batch_dims=1)

        found.append(tuple(np.asarray(part) for part in model.slope(images, ahead)))
    lead, slope = zip(*found, strict=True)
    return np.stack(lead), np.stack(slope)
