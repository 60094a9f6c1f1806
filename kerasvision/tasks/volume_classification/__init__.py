"""Volume classification: one class for each volume."""
