"""The tfds source: the true path, Fashion-MNIST from Debian's package prepared by TFDS."""

import collections
import gzip
import importlib.util
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError, said
from kerasvision.core.registry import sources
from kerasvision.data.decode import decode

DownloadConfig = pytest.importorskip("tensorflow_datasets").download.DownloadConfig
DEBIAN = pathlib.Path("/usr/share/datasets/fashion-mnist")
SEED = pathlib.Path(__file__).parents[3] / "pipelines" / "seed_fashion_mnist.py"


def tfds(**fields):
    return sources["tfds"](name="fashion_mnist", **fields)


def place(folder):
    """Debian's files in TFDS's folder, through the command that users have."""
    if not DEBIAN.is_dir():
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    spec = importlib.util.spec_from_file_location("seed_fashion_mnist", SEED)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.place(folder)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """The first thousand of each split: preparing all 70,000 takes TFDS twenty seconds."""
    folder = tmp_path_factory.mktemp("tfds")
    place(folder).download_and_prepare(download_config=DownloadConfig(max_examples_per_split=1_000))
    return str(folder)


@pytest.fixture(scope="module")
def ground_truth():
    """Split -> {image bytes: label}, read from the IDX files without TFDS."""

    def read(kind):
        images = gzip.decompress((DEBIAN / f"{kind}-images-idx3-ubyte.gz").read_bytes())
        labels = gzip.decompress((DEBIAN / f"{kind}-labels-idx1-ubyte.gz").read_bytes())
        pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)
        return {p.tobytes(): int(n) for p, n in zip(pixels, labels[8:], strict=True)}

    return {"train": read("train"), "test": read("t10k")}


def some(split, count):
    def sample(record):
        read = split.read(record)
        return decode(read["image_bytes"]), read["label"]

    return list(split.records.map(sample).take(count).as_numpy_iterator())


def test_pixels_and_labels_are_those_of_the_original_files(data_dir, ground_truth):
    held = tfds(data_dir=data_dir).open()
    assert held.classes[:2] == ("T-shirt/top", "Trouser")
    assert {n: s.size for n, s in held.splits.items()} == {"train": 1_000, "test": 1_000}
    for name, split in held.splits.items():
        for image, label in some(split, 300):
            assert image.shape == (28, 28, 3)
            assert image.dtype == np.uint8
            assert ground_truth[name][image[..., 0].tobytes()] == label
            assert (image == image[..., :1]).all()


def test_records_stay_encoded(data_dir):
    split = tfds(data_dir=data_dir).open().splits["train"]
    spec = split.records.map(split.read).element_spec
    assert spec["image_bytes"] == tf.TensorSpec([], tf.string)
    assert spec["label"] == tf.TensorSpec([], tf.int32)
    assert split.shuffle_buffer >= split.size


def test_the_order_is_the_same_in_every_run(data_dir):
    one, two = (some(tfds(data_dir=data_dir).open().splits["train"], 200) for _ in range(2))
    assert all((a[0] == b[0]).all() and a[1] == b[1] for a, b in zip(one, two, strict=True))


def test_split_expressions(data_dir):
    held = tfds(data_dir=data_dir, train="train[:900]", validation="train[900:]", test="").open()
    assert {n: s.size for n, s in held.splits.items()} == {"train": 900, "validation": 100}
    parts = some(held.splits["train"], 2_000) + some(held.splits["validation"], 2_000)
    whole = some(tfds(data_dir=data_dir).open().splits["train"], 2_000)
    assert len(whole) == 1_000
    assert all((a[0] == b[0]).all() for a, b in zip(parts, whole, strict=True))


@pytest.mark.slow
def test_the_source_prepares_placed_files_itself_without_a_network(tmp_path):
    place(tmp_path)
    held = tfds(data_dir=str(tmp_path)).open()
    assert {n: s.size for n, s in held.splits.items()} == {"train": 60_000, "test": 10_000}
    count = collections.Counter(int(r["label"]) for r in held.splits["train"].records.as_numpy_iterator())
    assert count == dict.fromkeys(range(10), 6_000)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_key": "picture"}, "no feature 'picture'; it has image, label; set image_key"),
        ({"label_key": "class"}, "no feature 'class'; it has image, label; set label_key"),
        ({"label_key": "image"}, "the masks of 'image' have no names; set classes"),
        ({"image_key": "label"}, "not an Image"),
        ({"train": "trian"}, "Unknown split 'trian'"),
        ({"train": ""}, "no training split; it has train, test"),
        ({"test": "test[:0]"}, "corresponds to no data"),
    ],
)
def test_refusals(data_dir, fields, message):
    with pytest.raises(KerasVisionError) as error:
        tfds(data_dir=data_dir, **fields).open()
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_name_has_close_matches():
    with pytest.raises(UsageError, match="did you mean fashion_mnist"):
        sources["tfds"](name="fashion_mist").open()


def test_what_is_not_prepared_says_where_it_looked_and_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(KerasVisionError) as error:
        tfds(data_dir=str(tmp_path), download=False).open()
    assert f"not prepared in '{tmp_path}/fashion_mnist/" in str(error.value)
    assert "download=true" in str(error.value)

    def no_network(host, port):
        raise OSError("Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", no_network)
    monkeypatch.setattr("urllib.request.getproxies", dict)
    with pytest.raises(KerasVisionError) as error:
        tfds(data_dir=str(tmp_path)).open()
    assert "cannot be reached" in str(error.value)
    assert "tfds build fashion_mnist" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def masks(tmp_path_factory):
    """A data set with masks whose values are 1, 2 and 255, prepared by TFDS from drawn pictures."""
    tensorflow_datasets = pytest.importorskip("tensorflow_datasets")
    features = tensorflow_datasets.features
    rng = np.random.default_rng(0)
    examples = []
    for number in range(6):
        mask = np.ones((8 + number, 10, 1), np.uint8)
        mask[2:5, number : number + 3] = 2
        mask[-1] = 255
        examples.append({"image": rng.integers(0, 256, (*mask.shape[:2], 3), dtype=np.uint8), "seen": mask})
    spec = {k: tf.TensorSpec([None, None, c], tf.uint8) for k, c in (("image", 3), ("seen", 1))}
    tensorflow_datasets.dataset_builders.store_as_tfds_dataset(
        name="drawn_masks",
        version="1.0.0",
        features=features.FeaturesDict(
            {
                "image": features.Image(shape=(None, None, 3), encoding_format="png"),
                "seen": features.Image(shape=(None, None, 1), encoding_format="png"),
            }
        ),
        split_datasets={"train": tf.data.Dataset.from_generator(lambda: iter(examples), output_signature=spec)},
        data_dir=(folder := str(tmp_path_factory.mktemp("masks"))),
        disable_shuffling=True,
    )
    return folder, examples


def of_masks(folder, **fields):
    held = {"name": "drawn_masks", "data_dir": folder, "label_key": "seen", "classes": ("ground", "thing")}
    return sources["tfds"](**held | fields)


def test_masks_are_those_that_were_stored(masks):
    folder, examples = masks
    held = of_masks(folder, values=(1, 2)).open()
    assert held.classes == ("ground", "thing")
    split = held.splits["train"]
    samples = list(split.records.map(split.read).as_numpy_iterator())
    for sample, example in zip(samples, examples, strict=True):
        np.testing.assert_array_equal(decode(tf.constant(sample["image_bytes"])), example["image"])
        expected = np.choose((example["seen"][..., 0] == 2) + 2 * (example["seen"][..., 0] == 255), [0, 1, 255])
        np.testing.assert_array_equal(sample["mask"], expected)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"classes": ()}, "the masks of 'seen' have no names; set classes"),
        ({"values": (1,)}, r"values=\(1,\) for 2 classes"),
        ({"values": (1, 255)}, "allowed: one of 0 to 254 for each"),
        ({"label_key": "image"}, "no mask of bytes; set label_key"),
    ],
)
def test_masks_that_cannot_be_read_as_asked(masks, fields, line):
    with pytest.raises(KerasVisionError, match=line):
        of_masks(masks[0], **fields).open()


def test_a_value_that_is_no_class_is_said(masks):
    split = of_masks(masks[0]).open().splits["train"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="a mask holds a value that is no class") as caught:
        list(split.records.map(split.read).as_numpy_iterator())
    assert said(caught.value).endswith(" 2")


def test_a_mask_of_another_size_than_its_image_is_said(masks):
    split = of_masks(masks[0], values=(1, 2)).open().splits["train"]
    cut = split.records.map(lambda record: record | {"seen": record["seen"][:, :9]})
    with pytest.raises(tf.errors.InvalidArgumentError, match="a mask is not as large as its image") as caught:
        list(cut.map(split.read).as_numpy_iterator())
    assert said(caught.value).endswith(": 8 10 8 9")
