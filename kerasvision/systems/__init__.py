"""Models that are made of other trained models: ensembles."""
