"""Activations that Keras lacks as one layer."""

import tensorflow as tf
import tf_keras as keras


@keras.utils.register_keras_serializable("kerasvision")
class HardSigmoid(keras.layers.Layer):
    """relu6(x + 3) / 6: "Searching for MobileNetV3" (Howard et al. 2019, arXiv:1905.02244, section 5.2).

    Not `keras.activations.hard_sigmoid`, whose slope is 1/5. x * HardSigmoid(x) becomes TFLite's HARD_SWISH.
    """

    quantize_output_only = True  # quantization-aware training has no rule for it and need only watch its output

    def call(self, x):
        return tf.nn.relu6(x + 3.0) * (1.0 / 6.0)


@keras.utils.register_keras_serializable("kerasvision")
def gelu_tanh(x):
    """0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): "Gaussian Error Linear Units" (Hendrycks, Gimpel 2016,
    arXiv:1606.08415, section 2). Within 5e-4 of the exact form, which ONNX opset 17 cannot express as TensorFlow does.
    """
    return keras.activations.gelu(x, approximate=True)
