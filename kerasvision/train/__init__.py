"""Training: one Learner, one `train()`, strategies, optimizers and techniques."""

from kerasvision.core.verb import make_callable

make_callable(__name__, "kerasvision.train.fit")
