"""Where samples come from. One source a file."""
