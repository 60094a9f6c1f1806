"""What every test shares: quiet TensorFlow on its share of the processors, one tiny trained run, real photographs."""

import gc
import os
import signal

import kerasvision  # noqa: F401  first of all: it chooses tf_keras before TensorFlow is imported

WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
SHARE = str(max(1, (os.cpu_count() or 1) // WORKERS))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, SHARE)  # read when TensorFlow and numpy start, which is after this

import numpy as np  # noqa: E402
import pytest  # noqa: E402

from kerasvision.core.recipe import Recipe  # noqa: E402
from kerasvision.core.registry import create  # noqa: E402
from tests import store  # noqa: E402
from tests.changed import Changed  # noqa: E402
from tests.costs import Costs, Turn, dearest_first  # noqa: E402

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "camera")


def pytest_addoption(parser):
    parser.addoption("--record-costs", action="store_true", help="write what this run measures into tests/costs.json")
    words = "test files that reach what was changed since REF (HEAD if left out), committed or not; says why for each"
    parser.addoption("--changed", nargs="?", const="HEAD", metavar="REF", help=words)
    parser.addoption("--turn", metavar="K/N", help="of the groups of tests that are left, every N-th, from the K-th on")


def pytest_collection_finish():
    """Graphs are millions of objects that stay: looking through them again and again costs an eighth of the time. What
    tests leave behind is collected after them (`costs.py`).
    """
    gc.set_threshold(50_000, 20, 20)
    gc.freeze()


def pytest_configure(config):
    config.pluginmanager.register(Costs(config, _group_of), "costs")
    store.remove_old()
    if config.getoption("changed"):
        config.pluginmanager.register(Changed(config, config.getoption("changed")), "changed")
    if config.getoption("turn"):
        config.pluginmanager.register(Turn(config.getoption("turn"), _group_of), "turn")


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items):
    """A worker takes a file, as its fixtures are shared; under the mark `group_by` one value of an argument."""
    groups = [_group_of(item) for item in items]
    for item, group in zip(items, groups, strict=True):
        item.add_marker(pytest.mark.xdist_group(group))
    dearest_first(items, groups)


def _group_of(item):
    params = item.callspec.params if hasattr(item, "callspec") else {}
    mark = item.get_closest_marker("group_by")  # a function's before its module's
    one = params.get(mark.args[0], "") if mark else ""
    return f"{item.nodeid.partition('::')[0]} {one}".strip()


@pytest.fixture
def interruptible():
    """Ctrl-C does what it does by default, here and in processes that a test starts.

    A shell has it ignored by what it starts in the background, and children inherit that, but no handler of ours.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def photographs():
    """name -> uint8 [H, W, 3], real photographs of four sizes from scikit-image's package."""
    data = pytest.importorskip("skimage.data")
    images = {name: getattr(data, name)() for name in PHOTOGRAPHS}
    return {k: v if v.ndim == 3 else np.repeat(v[..., None], 3, -1) for k, v in images.items()}


@pytest.fixture(scope="session")
def digits_recipe():
    """The smallest recipe that learns digits: width 8, three epochs."""
    return Recipe(
        name="digits",
        model=create(
            "classification/classifier", image_size=(8, 8), backbone=create("backbones/convnet", width=8, blocks=(1, 1))
        ),
        data=create("sources/digits"),
        optimizer=create("optimizers/adamw", learning_rate=1e-2),
        epochs=3,
        batch_size=64,
    )


@pytest.fixture(scope="session")
def digits_run(digits_recipe):
    """`Trained` on digits, in a run folder that all tests share. Tests must not change either."""
    from kerasvision.train.run import load_run

    return load_run(store.trained(digits_recipe))


@pytest.fixture(scope="session")
def digits_served(digits_recipe):
    """Folder `saved_models` with version 1 of the digits, that all tests share. Tests must not change it."""
    return store.exported(digits_recipe, ("tf_serving",), 20)[2] / "saved_models"


@pytest.fixture(scope="session")
def digits_tflite(digits_recipe):
    """A .tflite of the digits, that all tests share. Tests must not change it."""
    return store.exported(digits_recipe, ("tflite",), 40)[2] / "tflite" / "models" / "digits" / "model.tflite"
