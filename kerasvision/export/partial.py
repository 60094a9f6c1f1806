"""Signatures of a SavedModel for clients that have some of a model's inputs: a picture without a text, say.

`serving_text`, `serving_image_text` ... take what their names say and nothing else, and where a picture is among it
`serving_bytes_image` ... its file (`image_bytes`): the flags of what is there, and what stands for the rest, are in
the signature.
"""

import numpy as np
import tensorflow as tf

from kerasvision.data.kinds.base import ENCODED

PLAIN, BYTES = "serving_", "serving_bytes_"
ROUNDING = 1e-5  # of the largest value: one function has answered both


def partial_signatures(served, serve_bytes):
    """{name: (function of a dict, {key: spec} of it)}, for each set of inputs that the architecture takes alone.

    served: a `Served`. serve_bytes: its function of encoded inputs, or None.
    """
    arch, found = served.arch, {}
    plain, encoded = arch.serving_specs(), served.encoded_specs()
    for name, keys in arch.served_sets().items():
        found[PLAIN + name] = _completing(arch, keys, served.serve), {key: plain[key] for key in keys}
        taken = {k: spec for k, spec in encoded.items() if k.removesuffix(ENCODED) in keys}
        if serve_bytes and set(taken) - set(plain):
            found[BYTES + name] = _completing(arch, keys, serve_bytes), taken
    return found


def _completing(arch, keys, function):
    return lambda sent: function(arch.completed(sent, keys))


def check(signatures, judge):
    """Yields a line for each of these signatures that answers otherwise than the default one with flags. signatures:
    name -> function, of a file. judge: an `export.verification.Judge`.
    """
    for name, keys in judge.arch.served_sets().items():
        if PLAIN + name not in signatures:  # a file of before
            continue
        for sample in judge.samples:
            sent = {key: tf.constant(sample[key]) for key in keys}
            found = signatures[PLAIN + name](**sent)
            wanted = signatures["serving_default"](**judge.arch.completed(sent, keys))
            if any(_apart(found[key].numpy(), value.numpy()) for key, value in wanted.items()):
                yield f"{PLAIN + name} answers otherwise than serving_default with the flags of {', '.join(keys)}"
                break


def _apart(found, wanted):
    if found.shape != wanted.shape:
        return True
    found, wanted = found.astype(np.float64), wanted.astype(np.float64)
    return not np.allclose(found, wanted, rtol=0, atol=ROUNDING * max(1.0, np.abs(wanted).max(initial=0)))
