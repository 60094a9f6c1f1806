"""`kerasvision doctor`: versions and known-bad combinations, one line each with the mend."""

import importlib.metadata
import importlib.util
import os
import pathlib

HELP = "check versions and known-bad combinations, each with what to type"
WANTED = {
    "tensorflow": ("2.21", "3"),
    "tf-keras": ("2.21", "3"),
    "keras-cv": ("0.9", "1"),
    "tensorflow-model-optimization": ("0.8.1", "1"),
    "tensorflow-datasets": ("4.9", "5"),
    "tf2onnx": ("1.17", "2"),
    "ai-edge-litert": ("2", "3"),
    "onnxruntime": ("1.20", "2"),
    "numpy": ("2", "3"),
}


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("--versions-only", action="store_true", help="do not import TensorFlow")


def run(args):
    """Print one line a check; 1 if something has to be mended."""
    checks = [*version_checks(), *environment_checks()]
    if not args.versions_only:
        checks += tensorflow_checks()
    for good, text in checks:
        print(f"{'ok  ' if good else 'MEND'}  {text}")
    return 0 if all(good for good, _ in checks) else 1


def version_checks(installed=None):
    """(good, line) for every package. installed: name -> version, for tests; the environment by default."""
    rows = []
    for name, (low, below) in WANTED.items():
        version = _installed(name) if installed is None else installed.get(name)
        good = version is not None and _number(low) <= _number(version) < _number(below)
        mend = "" if good else f'; pip install "{name}>={low},<{below}"'
        why = ""
        if name == "tensorflow-model-optimization" and version and _number(version) < _number("0.8.1"):
            why = " drags numpy down to 1.26"
        rows.append((good, f"{name} {version or 'is not installed'}{why}{mend}"))
    return rows


def _installed(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _number(version):
    parts = [int("".join(c for c in p if c.isdigit()) or 0) for p in version.split("+")[0].split(".")[:3]]
    return tuple(parts + [0] * (3 - len(parts)))


def environment_checks(environ=os.environ, cpuinfo=pathlib.Path("/proc/cpuinfo")):
    """(good, line) about environment variables, modules that others forget to declare, and the processor."""
    legacy = environ.get("TF_USE_LEGACY_KERAS")
    rows = [
        (
            legacy in ("1", "true", "True"),
            "TF_USE_LEGACY_KERAS="
            + str(legacy)
            + ("" if legacy == "1" else "; KerasVision needs tf_keras: export TF_USE_LEGACY_KERAS=1"),
        )
    ]
    there = importlib.util.find_spec("importlib_resources") is not None
    mend = "" if there else " is missing and TFDS needs it; pip install importlib_resources"
    rows.append((there, f"importlib_resources{mend}"))
    if cpuinfo.exists():
        avx = " avx " in cpuinfo.read_text()
        rows.append((avx, "AVX" if avx else "no AVX, which TensorFlow's wheels need; use another machine"))
    return rows


def tensorflow_checks():
    """(good, line) about the Keras in use and the devices."""
    import tensorflow as tf

    from kerasvision.core.keras_in_use import keras_in_use

    tf.keras.Model  # noqa: B018 (the first use decides which Keras it is)
    three = keras_in_use() == "3"
    rows = [
        (not three, "tf.keras is Keras 3; import kerasvision before tensorflow" if three else "tf.keras is tf_keras")
    ]
    gpus = tf.config.list_physical_devices("GPU")
    built = tf.test.is_built_with_cuda()
    unseen = "no GPU; training runs on the processor"
    if built and not gpus and pathlib.Path("/dev/nvidia0").exists():
        return [*rows, (False, 'a GPU is there but TensorFlow cannot use it; pip install "tensorflow[and-cuda]"')]
    return [*rows, (True, f"{len(gpus)} GPU: {', '.join(g.name for g in gpus)}" if gpus else unseen)]
