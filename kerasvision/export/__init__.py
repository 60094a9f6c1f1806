"""From a trained run to files for other runtimes, each loaded again and compared with the trained model."""

from kerasvision.core.verb import make_callable

make_callable(__name__, "kerasvision.export.certificate")
