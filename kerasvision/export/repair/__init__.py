"""Integer files that have lost too much: what can be done to them, what each of it costs, and in which order."""
