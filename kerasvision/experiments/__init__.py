"""Experiments over several runs (comparison, studies, tuning, the rate finder), and a first recipe for new data."""
