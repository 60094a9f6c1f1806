"""TensorFlow Serving, in the version of compose.yaml, knows every operator and attribute of what is exported."""

import re

import pytest
import tf_keras as keras
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from kerasvision.core.registry import create
from kerasvision.export.package import deployment
from kerasvision.export.targets.saved_model import write_saved_model
from kerasvision.inference.served import Served
from kerasvision.ops.anchors import Anchors
from tests.export.serving_operators import KNOWN, OLDEST

BACKBONE = create("backbones/convnet", width=4, blocks=(1, 1, 1))
FAMILIES = {
    "segmenter": create("semantic_segmentation/unet", num_classes=3, image_size=(32, 32), backbone=BACKBONE, width=4),
    "detector": create(
        "detection/retinanet",
        num_classes=3,
        image_size=(64, 64),
        backbone=create("backbones/convnet", width=4, blocks=(1, 1, 1), stem_stride=2),
        neck=create("necks/fpn", width=8, first=2, last=4),
        anchors=Anchors(strides=(4, 8, 16), sizes=((12.0,), (18.0,), (30.0,)), ratios=(1.0,)),
        head_width=8,
        head_depth=1,
    ),
}


def read(path):
    held = saved_model_pb2.SavedModel()
    held.ParseFromString((path / "saved_model.pb").read_bytes())
    return held.meta_graphs[0]


def strange(graph):
    """What a graph has that is not listed: "Operator" or "Operator.attribute"."""
    nodes = [*graph.graph_def.node, *(n for f in graph.graph_def.library.function for n in f.node_def)]
    own = {f.signature.name for f in graph.graph_def.library.function}
    found = set()
    for node in nodes:
        if node.op in own:
            continue
        if node.op not in KNOWN:
            found.add(node.op)
            continue
        inputs = op_def_registry.get(node.op).input_arg
        follows = {name for arg in inputs for name in (arg.type_attr, arg.number_attr, arg.type_list_attr)}
        set_here = {name for name in node.attr if not name.startswith("_")}
        found |= {f"{node.op}.{name}" for name in set_here - follows - KNOWN[node.op]}
    return found


@pytest.fixture(scope="module")
def folders(digits_served, tmp_path_factory):
    made = {"classifier": digits_served / "digits" / "1"}
    for name, arch in FAMILIES.items():
        keras.utils.set_random_seed(0)
        made[name] = tmp_path_factory.mktemp(name) / "1"
        write_saved_model(Served(arch, arch.build(), ("a", "b", "c")), made[name])
    return made


@pytest.mark.parametrize("name", ["classifier", *FAMILIES])
def test_the_server_of_compose_yaml_knows_every_operator(folders, name):
    graph = read(folders[name])
    assert graph.meta_info_def.stripped_default_attrs, "attributes of defaults would all have to be known"
    assert not strange(graph)


def test_an_operator_or_attribute_of_later_is_seen(folders):
    graph = read(folders["classifier"])
    nodes = graph.graph_def.library.function[0].node_def
    nodes.add(op="Conv2D", name="later").attr["made_up"].b = True
    nodes.add(op="MadeUpV9", name="newest")
    assert strange(graph) == {"Conv2D.made_up", "MadeUpV9"}


def test_compose_names_a_version_that_has_them():
    version = re.search(r"image: tensorflow/serving:(\S+)", deployment.COMPOSE)[1]
    assert version == deployment.SERVING
    assert tuple(map(int, version.split(".")[:2])) >= tuple(map(int, OLDEST.split(".")))
