"""The file for MediaPipe's ImageEmbedder: its metadata, and its vectors in LiteRT and in MediaPipe."""

import dataclasses
import zipfile

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.recipe import Budget
from kerasvision.core.registry import create
from kerasvision.export import metadata as md
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from kerasvision.export.targets.mediapipe import MediaPipe, task_of
from tests.export.mediapipe_python import mediapipe_answers
from tests.export.metadata_reader import metadata_of
from tests.export.traced import Traced


def prepared(arch, image):
    return arch.geometry({"image": tf.constant(image[None])})[0]["image"][0].numpy()


def served(trained, image):
    return {k: v.numpy() for k, v in trained.served().serve({"image": image[None]}).items()}


@pytest.fixture(scope="module")
def embedder(digits_run):
    """Untrained: what it gives is a vector all the same."""
    backbone = create("backbones/convnet", width=8, blocks=(1, 1))
    arch = create("embedding/pairs", dimension=16, image_size=(32, 32), resize="stretch", backbone=backbone)
    recipe = dataclasses.replace(digits_run.recipe, model=arch, budget=Budget(accuracy_drop=0.5))
    keras.utils.set_random_seed(0)
    return Traced(recipe, arch.build(), digits_run.classes, {})


def test_an_embedder_is_certified_and_has_no_labels(embedder, tmp_path):
    (artifact,), _ = export(embedder, [MediaPipe()], tmp_path, limit=60, verbose=False)
    assert artifact.verdict != "FAIL" and task_of(embedder.arch) == "ImageEmbedder"
    (vector,) = metadata_of(artifact.path)[1].rows(md.SUBGRAPH_OUTPUTS)
    assert vector.text(md.TENSOR_NAME) == "feature" and not vector.rows(md.TENSOR_FILES)
    assert not zipfile.is_zipfile(artifact.path)


@pytest.mark.slow
@pytest.mark.parametrize(("spec", "least"), [("mediapipe:float32", 0.999999), ("mediapipe:int8", 0.999999)])
def test_mediapipe_embeds_as_the_file_does(embedder, photographs, tmp_path, spec, least):
    """Photographs of the graph's size, against LiteRT; against the trained model a float file alone is as near."""
    (artifact,), _ = export(embedder, [from_spec(spec)], tmp_path, limit=60, verbose=False)
    arch, runner = embedder.arch, from_spec(spec).open(artifact.path, embedder.arch)
    small = {k: prepared(arch, v) for k, v in photographs.items()}
    for name, found in mediapipe_answers("ImageEmbedder", artifact.path, small, tmp_path).items():
        assert np.linalg.norm(found) == pytest.approx(1.0, abs=1e-5)
        assert np.dot(found, runner({"image": small[name][None]})["embedding"][0]) >= least
        if spec == "mediapipe:float32":
            assert np.dot(found, served(embedder, small[name])["embedding"][0]) >= least
