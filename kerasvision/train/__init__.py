"""Training: one Learner, one `train()`, strategies, optimizers and techniques."""
