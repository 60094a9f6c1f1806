"""Host-side evaluators over predictions."""
