"""Embeddings: a vector for each picture, by which it is found again."""
