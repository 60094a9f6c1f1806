"""Loss functions, pure TensorFlow on float32 tensors: one value for each example of a batch, float32 [B].

Those of `detection` give one value for each anchor, which the detector weights and sums.
"""
