"""One folder per family: `task.py` is the family's contract, every other file one architecture."""
