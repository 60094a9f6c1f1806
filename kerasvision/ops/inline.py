"""Small functions of tensors that run in the thread that calls them, so that they wait for nobody.

TensorFlow runs the operators of all functions of a process in one pool of threads: a function of a few microseconds
waits there behind each operator of a model that is being computed, at every step anew. (Reading a JPEG's header beside
two batches of MobileNetV2: 160 ms, and in the caller's thread 0.6; `look` and `still` of `data.decode`, 2 cores,
AVX-512.) A session of its own has a negative `inter_op_thread_pool` for this (tensorflow/core/protobuf/config.proto).
"""

import threading

import tensorflow as tf

_HERE = -1  # as `RunOptions.inter_op_thread_pool`: the caller's thread
_OPTIONS = tf.compat.v1.RunOptions(inter_op_thread_pool=_HERE)


class Inline:
    """function: of tensors, gives a dict of tensors, each made by an operator of its own; has no variables, is traced
    at the first call. specs: of its arguments, tf.TensorSpec.

    Called with values for each argument it gives a dict of numpy arrays (of a string: bytes), and raises the function's
    `tf.errors`. Any thread may call.
    """

    def __init__(self, function, specs):
        self._function, self._specs = function, specs
        self._lock, self._call = threading.Lock(), None

    def __call__(self, *values):
        with self._lock:
            self._call = self._call or self._made()
        return self._call(*values, options=_OPTIONS)

    def _made(self):
        # traced as everywhere: in a graph of a session `==` would compare objects
        traced = tf.function(self._function, input_signature=self._specs, autograph=False).get_concrete_function()
        with tf.Graph().as_default() as graph:
            tf.graph_util.import_graph_def(traced.graph.as_graph_def(), name="")
        taken = [graph.get_tensor_by_name(tensor.name) for tensor in traced.inputs]
        given = {key: graph.get_tensor_by_name(tensor.name) for key, tensor in traced.structured_outputs.items()}
        alone = tf.compat.v1.ConfigProto(device_count={"GPU": 0})
        alone.session_inter_op_thread_pool.add(num_threads=1)  # of its own: that of all sessions keeps its size
        return tf.compat.v1.Session(graph=graph, config=alone).make_callable(given, taken, accept_options=True)
