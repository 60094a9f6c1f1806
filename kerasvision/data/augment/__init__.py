"""Augmentations, grouped: geometric, photometric, occlusion, combining, batch, policy."""
