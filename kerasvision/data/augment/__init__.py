"""Augmentations, grouped: geometric, photometric, occlusion, batch, policy."""
