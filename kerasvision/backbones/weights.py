"""Weights by layer name, in HDF5.

The layout is Keras 3's: `layers/<layer name>/vars/<i>`, arrays in the order of `layer.get_weights()`. tf_keras writes
`.weights.h5` with numbered class names in place of layer names, which a graph with another head cannot address; so
files that are to be loaded by name are written here. Reading also takes Keras's older `.h5` files, whose groups are
named by layer, such as those `keras.applications` downloads.
"""

import pathlib

import h5py

from kerasvision.core.errors import KerasVisionError

PREFIX = "backbone_"


def save(graph, path):
    """Write the weights of every layer of `graph` that has any."""
    with h5py.File(path, "w") as file:
        for layer in graph.layers:
            for i, array in enumerate(layer.get_weights()):
                file[f"layers/{layer.name}/vars/{i}"] = array


def read(path):
    """Layer name -> list of arrays, of a file in either layout."""
    if not pathlib.Path(path).is_file():
        raise KerasVisionError(f"weights={str(path)!r}: no such file; give None, 'imagenet' or the path of an .h5 file")
    try:
        with h5py.File(path, "r") as file:
            group = file.get("model_weights", file)
            return _read_by_attributes(group) if _attribute(group, "layer_names") else _read_by_groups(file)
    except OSError as error:
        raise KerasVisionError(f"weights={str(path)!r} is not an HDF5 file: {error}") from None


def put(graph, named, source, fresh=None):
    """Set every `backbone_` layer of `graph` from `named`; a missing layer or another shape is an error.

    named: layer name -> arrays. source: what the error calls the weights. fresh: a part of the names of layers that
    may be missing, and then keep the weights they have.
    """
    for layer in graph.layers:
        if not layer.name.startswith(PREFIX) or not layer.weights:
            continue
        arrays = named.get(layer.name)
        if arrays is None and fresh and fresh in layer.name:
            continue
        if arrays is None:
            raise KerasVisionError(
                f"weights={str(source)!r} has no layer {layer.name!r}; it holds {', '.join(list(named)[:4])} ...; "
                "they belong to another backbone, or were saved without layer names"
            )
        seen, wanted = [tuple(a.shape) for a in arrays], [tuple(w.shape) for w in layer.weights]
        if seen != wanted:
            raise KerasVisionError(
                f"weights={str(source)!r}: layer {layer.name!r} has shapes {seen}, this backbone {wanted}; "
                "the fields of the backbone must be those the weights were made with"
            )
        layer.set_weights(arrays)


def _read_by_groups(file):
    layers = file.get("layers", {})
    return {
        name: [group["vars"][str(i)][()] for i in range(len(group["vars"]))]
        for name, group in layers.items()
        if "vars" in group and len(group["vars"])
    }


def _read_by_attributes(group):
    names = _attribute(group, "layer_names")
    return {name: [group[name][w][()] for w in _attribute(group[name], "weight_names")] for name in names}


def _attribute(group, key):
    """A list of strings; Keras splits lists beyond HDF5's 64 kB into key0, key1 ..."""
    if key in group.attrs:
        parts = [group.attrs[key]]
    else:
        count = sum(1 for k in group.attrs if k.startswith(key) and k[len(key) :].isdigit())
        parts = [group.attrs[f"{key}{i}"] for i in range(count)]
    return [n.decode() if isinstance(n, bytes) else str(n) for part in parts for n in part]
