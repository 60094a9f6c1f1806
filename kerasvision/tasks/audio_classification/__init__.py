"""Which class a sound is of."""
