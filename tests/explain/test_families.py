"""Explainers on every family, and on a target and a family that they have never heard of."""

import dataclasses
import types
import typing

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from PIL import Image

from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create, explainers
from kerasvision.explain.base import Explainable, explainable
from kerasvision.explain.picture import OUTLINE, Explained, draw, plane_of
from kerasvision.ops.nms import Suppression
from kerasvision.tasks._region_targets import RegionTarget
from kerasvision.tasks.targets import Target, Targets
from kerasvision.train.run import Trained, save_run
from tests.contract import contracts
from tests.contract.cases import CASES
from tests.contract.toys import Points

# of what asks many times: as few as show the shape
FEW = {
    "rise": {"masks": 64},
    "integrated_gradients": {"steps": 16, "most": 16},
    "smooth_grad": {"samples": 8},
}
NIGHTLY = pytest.mark.nightly
FOR_ALL = [name for name in explainers if name not in ("d_rise", "attention")]  # which need objects, and such layers


@dataclasses.dataclass(frozen=True, eq=False)
class Neighbor(Target):
    """Scratch: how much an example's embedding goes along with a vector, which no raw output says."""

    arch: typing.Any
    vector: typing.Any

    def tensors(self, graph):
        return {"embedding": self.arch.embedding(graph)}

    def score(self, found):
        return tf.linalg.matvec(found["embedding"], self.vector)


@dataclasses.dataclass(frozen=True, eq=False)
class Cell(Target):
    """Scratch: the score of one cell of 4 pixels."""

    number: int
    text: str = "a cell"

    def score(self, found):
        return found["scores"][:, self.number]


class Cells(Targets):
    flags: typing.ClassVar[dict[str, str]] = {"box": "a cell by its number"}

    def chosen(self, raw, geometry, classes, asked):
        return [Cell(number) for number in asked.box or (int(tf.argmax(raw["scores"][0])),)]


class ScratchFamily(Points):
    """A family of a test: explainers know neither its raw outputs nor its targets."""

    def targets(self):
        return Cells()


def test_a_scratch_target_is_explained_by_what_is_there(digits_run):
    """Of a mean over positions and a vector, Grad-CAM is the class activation map with the vector as weights."""
    model = explainable(digits_run)
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    vector = np.random.default_rng(1).normal(size=16).astype(np.float32)
    target = Neighbor(model.arch, tf.constant(vector))
    pooled = model.graph.get_layer("pool")
    maps = keras.Model(model.graph.input, pooled.input)(model.normalized(tf.constant(image)[None]))[0].numpy()
    np.testing.assert_allclose(model.score(image[None], target), [maps.mean((0, 1)) @ vector], rtol=1e-4)
    heat = create("explainers/grad_cam").explain(model, image, target)
    wanted = tf.image.resize(np.maximum(maps @ vector, 0)[..., None] / maps[..., 0].size, (8, 8))[..., 0]
    np.testing.assert_allclose(heat, wanted, atol=1e-5)
    hidden = create("explainers/occlusion", square=1.0, stride=1.0).explain(model, image, target)
    gray = np.broadcast_to(np.rint(image.mean((0, 1))), image.shape)
    fall = model.score(image[None], target) - model.score(gray[None], target)
    np.testing.assert_allclose(hidden, np.full((8, 8), fall), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", FOR_ALL)
def test_a_scratch_family_is_explained_by_what_is_there(name):
    """The first cell's score is made of the pixels that its convolutions reach, rows and columns 0 to 10: TensorFlow
    pads a stride of 2 behind. What a square of 4 pixels hides alone of them ends at 13.
    """
    arch = ScratchFamily()
    model = Explainable(arch, contracts.built(arch), ("point",))
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    prepared, geometry, is_part = model.prepared({"image": image})
    (target,) = model.targets(prepared, geometry, box=(0,))
    heat = create(f"explainers/{name}", **FEW.get(name, {})).explain(model, prepared, target)
    assert heat.shape == (16, 16) and not is_part
    if name == "occlusion":
        assert np.abs(heat[:7, :7]).min() > 0 and not heat[14:].any() and not heat[:, 14:].any()


# of volumes by day those two of which the values are known
VOLUMES = [(n, True) if n in ("grad_cam", "occlusion") else pytest.param(n, True, marks=NIGHTLY) for n in FOR_ALL]


@pytest.mark.parametrize(("name", "volume"), [*((name, False) for name in FOR_ALL), *VOLUMES])
def test_of_a_segmenter_heat_is_where_its_features_speak_for_the_class(name, volume):
    """Features of each position alone: a position within the region has the class's weights over the size of the
    region, one outside has none; and what hides no position of the region changes nothing.
    """
    size = (4, 8, 8) if volume else (8, 8)
    fields = {"volume_size": size} if volume else {"image_size": size, "backbone": create("backbones/convnet")}
    arch = create("volume_segmentation/unet3d" if volume else "semantic_segmentation/unet", num_classes=2, **fields)
    key, channels = ("volume", 1) if volume else ("image", 3)
    inputs = keras.Input((*size, channels), name=key)
    seldom_dead = keras.initializers.RandomUniform(-0.2, 1.0, seed=0)  # weights below 0 alone would give no feature
    features = keras.layers.Dense(4, "relu", kernel_initializer=seldom_dead, name="backbone_c0")(inputs)
    kernel = keras.layers.Dense(2, use_bias=False, name="each")
    model = Explainable(arch, keras.Model({key: inputs}, {"logits": kernel(features)}), ("ground", "bird"))
    values = np.random.default_rng(0).integers(0, 256, (*size, channels))
    prepared = values.astype(np.float32 if volume else np.uint8)
    region = np.zeros(size, bool)
    region[..., :3, :3] = True
    heat = create(f"explainers/{name}", **FEW.get(name, {})).explain(model, prepared, RegionTarget(1, region))
    assert heat.shape == size
    if name == "grad_cam":
        seen = keras.Model(model.graph.input, features)(model.normalized(tf.constant(prepared)[None]))[0].numpy()
        wanted = region * np.maximum(seen @ kernel.get_weights()[0][:, 1], 0) / region.sum()
        np.testing.assert_allclose(heat, wanted, rtol=1e-4, atol=1e-7)
    if name == "occlusion":
        assert np.abs(heat[..., :3, :3]).max() > 0 and not heat[..., 5:, :].any() and not heat[..., 5:].any()


def test_a_layer_without_a_part_in_the_score_is_one_line():
    arch = ScratchFamily()
    model = Explainable(arch, contracts.built(arch), ("point",))
    with pytest.raises(UsageError, match="layer 'offset' has no part in the score"):
        create("explainers/grad_cam", layer="offset").explain(model, np.zeros((16, 16, 3), np.uint8), Cell(3))


@pytest.fixture(scope="module")
def run_of(tmp_path_factory):
    """name -> the folder of a run of its case, with fresh weights."""
    held = {}

    def made(name):
        if name not in held:
            arch, folder = CASES[name].make(), tmp_path_factory.mktemp("runs") / "run"
            if hasattr(arch, "suppression"):  # a fresh graph is sure of nothing
                arch = dataclasses.replace(arch, suppression=Suppression(score_threshold=0.0))
            folder.mkdir()
            recipe = Recipe(name="fresh", model=arch, data=create("sources/digits"))
            save_run(Trained(recipe, contracts.built(arch), CASES[name].classes, {}, folder))
            held[name] = folder
        return held[name]

    return made


def explained(folder, file, out, capsys, *words):
    """(status, what was said, the picture's size or None)."""
    status = main(["explain", str(folder), str(file), "--out", str(out), *words])
    captured = capsys.readouterr()
    if not out.exists():
        return status, captured.out + captured.err, None
    with Image.open(out) as picture:
        return status, captured.out + captured.err, picture.size


def test_the_command_explains_a_detector_s_objects(run_of, tmp_path, capsys):
    folder = run_of("detection/retinanet")
    Image.fromarray(CASES["detection/retinanet"].samples()[1]["image"]).save(tmp_path / "page.png")
    page, names = tmp_path / "page.png", CASES["detection/retinanet"].classes
    assert main(["explain", str(folder)]) == 0
    assert "--box" in (said := capsys.readouterr().out) and "--label" in said and "--region" not in said
    status, said, size = explained(folder, page, tmp_path / "two.png", capsys)
    assert status == 0 and "page.png: 0: " in said and "; 1: " in said
    status, said, one = explained(folder, page, tmp_path / "one.png", capsys, "--box", "3", "--label", names[2])
    assert status == 0 and f"page.png: 3: {names[2]} 0." in said and one[0] < size[0]
    few = ("--object", "3", "--method", "d_rise", "--set", "masks=4", "grid=2")
    assert explained(folder, page, tmp_path / "rise.png", capsys, *few)[0] == 0
    status, said, _ = explained(folder, page, tmp_path / "no.png", capsys, "--box", "5000")
    assert status == 2 and "--box 5000: the objects that predict finds here are 0 to" in said


def test_the_command_explains_a_segmenter_s_regions(run_of, tmp_path, capsys):
    folder = run_of("semantic_segmentation/unet")
    Image.fromarray(CASES["semantic_segmentation/unet"].samples()[1]["image"]).save(tmp_path / "page.png")
    status, said, size = explained(folder, tmp_path / "page.png", tmp_path / "out.png", capsys)
    assert status == 0 and "%" in said and size
    region = said.split("page.png: ")[1].split(",")[0]
    words = ("--label", "background", "--region", region)
    status, said, size = explained(folder, tmp_path / "page.png", tmp_path / "in.png", capsys, *words)
    assert status == 0 and size and (f"background in {region}" in said or region == "background")


def test_the_command_explains_a_volume_s_center(run_of, tmp_path, capsys):
    nibabel = pytest.importorskip("nibabel")
    sample = CASES["volume_segmentation/unet3d"].samples()[0]["volume"][..., 0]
    larger = np.pad(sample, ((0, 0), (4, 4), (0, 0)))
    nibabel.save(nibabel.Nifti1Image(larger.transpose(2, 1, 0), np.eye(4)), tmp_path / "scan.nii.gz")
    folder = run_of("volume_segmentation/unet3d")
    status, said, size = explained(folder, tmp_path / "scan.nii.gz", tmp_path / "out.png", capsys)
    assert status == 0 and "(the center, as large as the graph's input): " in said and size


def test_a_region_is_outlined_and_of_a_volume_the_hottest_plane_is_drawn(tmp_path):
    region = np.zeros((20, 20), bool)
    region[:10, 5:15] = True  # it reaches the border
    draw(
        [Explained("a", "m", np.full((20, 20, 3), 90, np.uint8), [("b", np.zeros((20, 20)), region)])],
        tmp_path / "a.png",
    )
    color = [int(OUTLINE[k : k + 2], 16) for k in (1, 3, 5)]
    with Image.open(tmp_path / "a.png") as picture:
        outlined = np.argwhere((np.abs(np.asarray(picture)[..., :3] - np.array(color)) < 40).all(-1))
    (top, left), (bottom, right) = outlined.min(0), outlined.max(0)
    assert 0.9 < (bottom - top) / (right - left) < 1.1 and left > 290  # ten positions square, in the second column
    heat = np.zeros((4, 3, 3))
    assert plane_of(heat) == 2 and plane_of(heat[0]) is None
    heat[1, 0, 0], heat[3] = 2.0, -5.0
    assert plane_of(heat) == 1
    region = np.zeros((4, 3, 3), bool)
    region[[0, 2], 1, 1] = True
    heat[2, 1, 1] = 0.5
    assert plane_of(heat, region) == 2 and plane_of(np.zeros((4, 3, 3)), region) == 2
    volume = np.arange(36, dtype=np.float32).reshape(4, 3, 3, 1)
    draw([Explained("v", "m", volume, [("w", heat, None)])], tmp_path / "v.png")
    assert (tmp_path / "v.png").exists()


def test_an_ensemble_is_explained_as_its_members():
    first = CASES["classification/classifier"].make()
    arch = create("systems/ensemble", members=(first, first))
    run = types.SimpleNamespace(
        arch=arch, graph=contracts.built(arch), classes=CASES["classification/classifier"].classes
    )
    model = explainable(run)
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    prepared, geometry, _ = model.prepared({"image": image})
    target = model.targets(prepared, geometry)[0]
    raw = model.graph(model.normalized(tf.constant(prepared)[None]), training=False)["logits"]
    np.testing.assert_allclose(model.score(prepared[None], target), raw[:, target.index], rtol=1e-5)
    assert create("explainers/grad_cam").explain(model, prepared, target).shape == (16, 16)
