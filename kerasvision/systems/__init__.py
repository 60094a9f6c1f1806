"""Things made of trained models."""
