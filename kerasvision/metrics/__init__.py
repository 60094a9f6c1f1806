"""Evaluators: how good the predictions of a split are beside the ground truth, in numpy on the processor."""
