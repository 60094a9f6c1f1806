"""From a trained run to files on other runtimes, each reloaded and compared."""

from kerasvision.core.verb import make_callable

make_callable(__name__, "kerasvision.export.certificate")
