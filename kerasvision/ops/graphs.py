"""What a Keras graph is made of, tensor by tensor."""

import math

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


def feature_maps(graph):
    """The Keras tensors [B, h, w, C] and [B, d, h, w, C] of one size with more than one position that a layer makes, in
    the order that they are made.
    """
    maps = [t for t in made_of(graph) if len(t.shape) in (4, 5) and None not in t.shape[1:] and called_with(t)]
    return [t for t in maps if math.prod(t.shape[1:-1]) > 1]


def coarsest(maps):
    """Of Keras tensors [B, ..., C] that with the fewest positions; of several the last."""
    return min(reversed(maps), key=lambda tensor: math.prod(tensor.shape[1:-1]))
