"""What is known of a model before it is let out: one document of the trained model and of every file of it."""
