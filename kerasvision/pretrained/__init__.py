"""Models that answer without training: `load()` gives the architecture, its graph with weights, and class names."""
