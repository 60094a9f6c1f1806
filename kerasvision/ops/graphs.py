"""What a Keras graph is made of, tensor by tensor."""

import math

import tf_keras as keras

from kerasvision.ops.internals import called_with, made_by


def made_of(graph):
    """Every Keras tensor on the way from a graph's inputs to its outputs, each after those that it is made of."""
    return _on_the_way(graph.output)


def _on_the_way(outputs):
    order, seen, waiting = [], set(), [(t, False) for t in reversed(list(outputs.values()))]
    while waiting:  # no recursion: graphs are deeper than Python's stack
        tensor, is_ready = waiting.pop()
        if is_ready:
            order.append(tensor)
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            waiting += [(tensor, True), *((t, False) for t in reversed(called_with(tensor)))]
    return order


def called_again(tensor, source, other):
    """A Keras tensor that a graph makes of `source` -> what its layers make of `other`, with the same weights."""
    made = {id(source): other}
    for held in _on_the_way({"": tensor}):
        if id(held) not in made:
            given = [made[id(one)] for one in called_with(held)]
            made[id(held)] = made_by(held)(given[0] if len(given) == 1 else given)
    return made[id(tensor)]


def seen_by_one(graph, groups, outputs):
    """What looks at one group of a graph's inputs alone: (name of a layer -> its group, group -> the Keras tensors that
    are the last ones of it alone, in order).

    groups: name -> keys of inputs; an input of none is nobody's, and so is what has part in it. outputs: key -> Keras
    tensor of the graph, those that count.
    """
    group_of = {id(graph.input[key]): name for name, keys in groups.items() for key in keys}
    seen, layers, ends = {}, {}, {name: [] for name in groups}
    order = _on_the_way(outputs)
    for tensor in order:
        given = called_with(tensor)
        seen[id(tensor)] = frozenset().union(*(seen[id(t)] for t in given)) or {group_of.get(id(tensor), "")}
        if given:
            layers.setdefault(made_by(tensor).name, set()).update(seen[id(tensor)])
            for one in given:
                if len(seen[id(one)]) == 1 and seen[id(one)] != seen[id(tensor)]:
                    ends.setdefault(*seen[id(one)], []).append(one)
    kept = {name: list({id(t): t for t in held}.values()) for name, held in ends.items() if name in groups}
    return {name: next(iter(held)) for name, held in layers.items() if len(held) == 1 and held <= set(groups)}, kept


def feature_maps(graph):
    """The Keras tensors [B, h, w, C] and [B, d, h, w, C] of one size with more than one position that a layer makes, in
    the order that they are made.
    """
    maps = [t for t in made_of(graph) if len(t.shape) in (4, 5) and None not in t.shape[1:] and called_with(t)]
    return [t for t in maps if math.prod(t.shape[1:-1]) > 1]


def coarsest(maps):
    """Of Keras tensors [B, ..., C] that with the fewest positions; of several the last."""
    return min(reversed(maps), key=lambda tensor: math.prod(tensor.shape[1:-1]))


def pooled(tensor):
    """Of a Keras tensor [B, D] that a dense layer without activation makes of a pooled map [B, h, w, C], or that is
    pooled itself: (the Keras tensor of the map, the layer that pools it, the dense layer or None). None of any other.
    """
    tensor, dense = _without_idle(tensor), None
    if isinstance(layer := unwrapped(made_by(tensor)), keras.layers.Dense):
        if layer.activation is not keras.activations.linear:
            return None
        dense, tensor = layer, _without_idle(called_with(tensor)[0])
    given = called_with(tensor)
    if len(given) != 1 or len(given[0].shape) != 4 or len(tensor.shape) != 2:
        return None
    return given[0], unwrapped(made_by(tensor)), dense


def _without_idle(tensor):
    """The Keras tensor before what changes nothing once a model is trained."""
    while isinstance(layer := unwrapped(made_by(tensor)), (keras.layers.Dropout, keras.layers.Activation)):
        if isinstance(layer, keras.layers.Activation) and layer.activation is not keras.activations.linear:
            break
        (tensor,) = called_with(tensor)
    return tensor


def unwrapped(layer):
    """The layer inside what quantization or pruning wrapped around it."""
    while isinstance(layer, keras.layers.Wrapper):
        layer = layer.layer
    return layer
