"""A line of text from its picture."""
