"""Where a run's replicas are."""

import functools
import json
import os
import typing

import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError

StrategyName = typing.Literal["default", "mirrored", "multi_worker"]


def make_strategy(name):
    """A tf.distribute strategy.

    `default`: one device. `mirrored`: all GPUs of this machine, or else all its logical CPUs. `multi_worker`: the
    cluster of the environment variable TF_CONFIG, or of Slurm when there is none.
    """
    if name == "default":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        return _mirrored(tuple(d.name for d in tf.config.list_logical_devices(kind)))
    if name == "multi_worker":
        return _multi_worker()
    raise UsageError(f"--strategy {name}: allowed: {', '.join(typing.get_args(StrategyName))}")


# Once in a process: a second strategy numbers its collectives from the start again, and they meet those of the first.
@functools.cache
def _mirrored(devices):
    return tf.distribute.MirroredStrategy(devices)


@functools.cache
def _multi_worker():
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=_cluster())


def _cluster():
    if os.environ.get("TF_CONFIG"):
        try:
            spec = json.loads(os.environ["TF_CONFIG"])
            spec["cluster"], spec["task"]["type"], spec["task"]["index"]
        except (ValueError, KeyError, TypeError) as error:
            raise KerasVisionError(
                "TF_CONFIG cannot be read (" + str(error) + '); it looks like {"cluster": {"worker": '
                '["host1:port", "host2:port"]}, "task": {"type": "worker", "index": 0}}'
            ) from None
        return tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if os.environ.get("SLURM_STEP_NODELIST"):
        return tf.distribute.cluster_resolver.SlurmClusterResolver({"worker": int(os.environ["SLURM_NTASKS"])})
    raise KerasVisionError(
        "--strategy multi_worker needs TF_CONFIG or a Slurm step in the environment; "
        "on one machine: kerasvision launch --workers 2 -- train ..."
    )


def is_chief(strategy):
    """Whether this process writes the run's files."""
    resolver = strategy.cluster_resolver
    return resolver is None or not resolver.task_type or (resolver.task_type, resolver.task_id) == ("worker", 0)


def workers(strategy):
    """Number of processes that train together."""
    resolver = strategy.cluster_resolver
    return max(1, len(resolver.cluster_spec().as_dict().get("worker", []))) if resolver else 1
