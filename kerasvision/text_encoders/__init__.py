"""Networks that make a vector of a text."""
