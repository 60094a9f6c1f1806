"""The contract of every evaluator."""

import abc


class Evaluator(abc.ABC):
    """Takes predictions batch by batch, on the host; larger `result()[task.main_metric]` is better."""

    @abc.abstractmethod
    def update(self, prediction, truth):
        """prediction, truth: dicts of numpy arrays with a batch axis."""

    @abc.abstractmethod
    def result(self):
        """name -> float."""
