"""Which class, or which classes, a photograph shows."""
