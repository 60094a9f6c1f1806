"""From a trained run to files on other runtimes, each reloaded and compared."""
