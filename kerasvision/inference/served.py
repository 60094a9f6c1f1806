"""The one tf.Module that every export is made of: geometry, normalization, the graph and decoding, as in training."""

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import SAYS, KerasVisionError
from kerasvision.core.graphs import is_quantized
from kerasvision.data.decode import image_hw
from kerasvision.data.kinds.base import ENCODED, groups, kind_of


class Served(tf.Module):
    """An architecture with a trained graph, as pure TensorFlow functions. Dicts of tensors go in and come out.

    serve: serving inputs -> prediction. predict: (prepared inputs, geometry) -> prediction. judge: serving inputs ->
    judged prediction (`inference.record`). features: serving inputs -> {"features": float32 [B, D]}, or None.
    answering: () -> the part of the graph that answers.
    arch: the `Architecture`. graph: its trained Keras model. classes: names. Holds the graph's variables but not the
    Keras model, so that no Keras object is saved with it. embedder: None, or the `Served` of an embedder by whose
    vectors a function of the architecture knows objects again.
    """

    def __init__(self, arch, graph, classes, embedder=None):
        super().__init__(name="served")
        self.arch = arch
        self.embedder = embedder
        self.classes = tuple(classes)
        part = arch.answering(graph)
        self.weights = [*part.variables, *(embedder.weights if embedder else ())]
        self.quantization_aware = is_quantized(part)
        self.float_layers = tuple(layer.name for layer in part.layers if getattr(layer, "stays_float", False))
        self.loops = tuple(layer.name for layer in part.layers if _is_loop(layer))
        # closures, so that no Keras object is tracked
        self.answering = lambda: part
        self.apply_graph = lambda inputs: part(inputs, training=False)
        # explicit signatures: the last batch of a split is smaller, and must not be traced again
        specs = self._prepared_specs()
        self.predict = tf.function(self.predict_prepared, input_signature=specs, autograph=False)
        self.serve = tf.function(self._serve, input_signature=[arch.serving_specs()], autograph=False)
        self.judge = tf.function(self._judge, input_signature=[arch.serving_specs()], autograph=False)
        self.features = _features(arch, graph) if self.takes_image else None
        self.tables = {name: arch.table(name) for name in arch.resources()}  # tracked, so that they are saved
        held = arch.functions(graph, embedder.embed) if embedder else arch.functions(graph)
        self.functions = {
            name: tf.function(f.call, input_signature=[_named(f.inputs)], autograph=False) for name, f in held.items()
        }
        self.measured_with = {name: dict(f.measured_with) for name, f in held.items()}
        self.loop_functions = tuple(name for name, f in held.items() if f.is_loop)

    def of(self, arch, graph):
        """The same of another architecture, with its graph."""
        return Served(arch, graph, self.classes, self.embedder)

    def _prepared_specs(self):
        """[of prepared inputs, of their geometry]."""
        traced = tf.function(self.arch.geometry, autograph=False).get_concrete_function(self.arch.serving_specs())
        return [_any_batch(part) for part in traced.structured_outputs]

    def predict_prepared(self, prepared, geometry):
        """Prepared inputs (what the architecture's `geometry` gives) -> prediction."""
        return self.arch.predict(self._run_graph, prepared, geometry)

    def _run_graph(self, prepared, decode, apply_graph=None):
        """Prepared inputs -> decode(raw), through the graph once. Name scopes mark the parts for the int8 converter."""
        with tf.name_scope("kv_normalize"):
            inputs = self.arch.normalize(prepared)
        raw = (apply_graph or self.apply_graph)(inputs)
        with tf.name_scope("kv_decode"):
            return decode({k: tf.cast(v, tf.float32) for k, v in raw.items()})

    def _serve(self, inputs):
        with tf.name_scope("kv_geometry"):
            prepared, geometry = self.arch.geometry(inputs)
        return self.predict_prepared(prepared, geometry)

    def _judge(self, inputs):
        """Serving inputs -> the prediction, and what it was decided from (`Architecture.judged`): what other
        predictions for the same inputs are compared with.
        """
        prepared, geometry = self.arch.geometry(inputs)
        return self.arch.predict(self._run_graph, prepared, geometry, self.arch.judged)

    def embed(self, image, boxes_xyxy):
        """What an embedder says of what is in boxes: [B, h, w, 3] of 0..255, h and w known, and float32 [B, N, 4],
        pixels -> [B, N, E], unit vectors.
        """
        prepared = self.arch.cut(image, boxes_xyxy)
        geometry = self.arch.no_geometry(prepared)
        found = self._run_graph(prepared, lambda raw: self.arch.decode(raw, geometry))["embedding"]
        return tf.reshape(found, [-1, boxes_xyxy.shape[1], found.shape[-1]])

    @property
    def takes_image(self):
        """Whether the architecture takes one input, an image."""
        return list(self.arch.input_kinds().values()) == ["image"]

    def encoded_specs(self):
        """name -> spec of the inputs of `serve_bytes`: in place of each picture its encoded file, string [B], under its
        key with `_bytes`. {}: there is none that can be encoded.
        """
        specs, inputs = {}, self.arch.serving_inputs()
        for key, group in groups(inputs).items():
            if kind_of(inputs[key]).is_encoded:
                specs[key + ENCODED] = tf.TensorSpec([None], tf.string, key + ENCODED)
            else:
                specs |= {k: tf.TensorSpec(held.spec.shape, held.spec.dtype, k) for k, held in group.items()}
        return specs if set(specs) - set(inputs) else {}

    def _decoded(self, sent):
        """One example of `encoded_specs` -> one of the serving inputs."""
        inputs, read = self.arch.serving_inputs(), {}
        for key, group in groups(inputs).items():
            is_encoded = key + ENCODED in sent
            read |= (
                kind_of(inputs[key]).decode(sent[key + ENCODED], group) if is_encoded else {k: sent[k] for k in group}
            )
        return read

    def serve_bytes(self):
        """A tf.function over encoded images of any size: a dict as `encoded_specs` says, `{"image_bytes": string [B]}`
        of an architecture that takes an image. Each example is decoded and fitted alone.
        """
        prepared_spec, geometry_spec = (
            {k: tf.TensorSpec(s.shape[1:], s.dtype) for k, s in part.items()} for part in self._prepared_specs()
        )

        def fit_one(sent):
            prepared, geometry = self.arch.geometry({k: v[None] for k, v in self._decoded(sent).items()})
            return {k: v[0] for k, v in prepared.items()}, {k: v[0] for k, v in geometry.items()}

        def serve(sent):
            encoded = [value for name, value in sent.items() if name.endswith(ENCODED)]
            checks = [_one_size(value) for value in encoded] if self.arch.keeps_input_size else []
            with tf.name_scope("kv_geometry"), tf.control_dependencies(checks):
                prepared, geometry = tf.map_fn(
                    fit_one, sent, fn_output_signature=(prepared_spec, geometry_spec), parallel_iterations=8
                )
            return self.predict_prepared(prepared, geometry)

        return tf.function(serve, input_signature=[self.encoded_specs()], autograph=False)

    def whole(self, specs, geometry):
        """A tf.function: serving inputs as `specs` say -> prediction, for runtimes that lack operators of the
        architecture's own `geometry`; another function that gives the same stands in for it.
        """

        def predict(inputs):
            with tf.name_scope("kv_geometry"):
                prepared, places = geometry(inputs)
            return self.predict_prepared(prepared, places)

        return tf.function(predict, input_signature=[specs], autograph=False)

    def fixed(self, batch=1, image_dtype=None, decode=None, inner=None):
        """A tf.function: prepared inputs of the graph's own size -> prediction in pixels of the graph, for runtimes
        that take no other size.

        batch: int, or None for any. image_dtype: another dtype for uint8 inputs, with values still in 0..255.
        decode: raw -> prediction, in place of the architecture's. inner: further Keras tensors of the graph by key, for
        `decode` to find beside the raw outputs.
        """
        apply_graph = self._with_inner(inner) if inner else None
        specs = self.arch.prepared_inputs()
        specs = {
            k: tf.TensorSpec([batch, *s.shape[1:]], image_dtype if image_dtype and s.dtype == tf.uint8 else s.dtype, k)
            for k, s in specs.items()
        }

        def predict(prepared):
            geometry = self.arch.no_geometry(prepared)
            return self._run_graph(prepared, decode or (lambda raw: self.arch.decode(raw, geometry)), apply_graph)

        return tf.function(predict, input_signature=[specs], autograph=False)

    def _with_inner(self, inner):
        graph = self.answering()
        model = keras.Model(graph.input, graph.output | inner, name=graph.name)  # of the same weights
        return lambda inputs: model(inputs, training=False)


def _is_loop(layer):
    """Whether a layer is recurrent, in one direction or two, and not unrolled."""
    inner = layer.forward_layer if isinstance(layer, keras.layers.Bidirectional) else layer
    return isinstance(inner, keras.layers.RNN) and not inner.unroll


def _features(arch, graph):
    """A tf.function: an image -> {"features": float32 [B, D]}, the embedding; None of what gives no probabilities of
    classes (a segmenter's windows have an embedding each, its image none), and where there is none.
    """
    if "probabilities" not in arch.outputs:
        return None
    try:
        inner = keras.Model(graph.input, arch.embedding(graph))
    except KerasVisionError:  # a family without one is served all the same
        return None

    def serve(inputs):
        return {"features": tf.cast(inner(arch.preprocess(inputs)[0], training=False), tf.float32)}

    return tf.function(serve, input_signature=[arch.serving_specs()], autograph=False)


def _one_size(image_bytes):
    """Asserts that all images of a batch are of one size: what is blended from windows keeps its size."""
    sizes = tf.map_fn(image_hw, image_bytes, fn_output_signature=tf.TensorSpec([2], tf.int32))
    text = f"{SAYS} images of one request must be of one size, as this model keeps it; send one at a time; (h, w):"
    return tf.debugging.Assert(tf.reduce_all(sizes == sizes[:1]), [text, sizes])


def _named(specs):
    return {k: tf.TensorSpec(s.shape, s.dtype, k) for k, s in specs.items()}


def _any_batch(tensors):
    """Specs like these tensors or specs, for any batch."""
    return {k: tf.TensorSpec([None, *t.shape[1:]], t.dtype, k) for k, t in tensors.items()}
