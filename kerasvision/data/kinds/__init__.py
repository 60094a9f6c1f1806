"""Kinds of inputs: how each is read from what a user names, held in samples and requests, and looked at."""
