"""Losses: each returns one value an example, float32 [B]."""
