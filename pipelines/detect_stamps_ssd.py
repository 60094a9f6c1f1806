"""SSD finds eleven classes of cut-out objects in photographs.

Shows: a detector from rendered scenes to files, with ImageNet weights, at 320 px.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision train pipelines/detect_stamps_ssd.py --out runs/ssd
          kerasvision train pipelines/detect_stamps_ssd.py:qat --out runs/ssd-qat
Measured on 2 cores (AVX2, no VNNI, shared with other work), 300 test scenes of objects and backgrounds that training
never saw, one run: AP 0.241, AP50 0.387; AP of objects without occlusion 0.193, partly hidden 0.233, mostly hidden
0.120.

    file               AP       change    size      ms an image
    tflite:float32     0.2411   -0.0000   17.1 MB   28.1
    tflite:int8        0.2399   -0.0012    5.0 MB   11.0
    saved_model        0.2411    0.0000   20.0 MB   29.4
    onnx               0.2411   -0.0000   17.1 MB   12.7
"""

from _stamps import detector, quantization_aware

recipe = detector("stamps_ssd", "detection/ssd", epochs=8)
qat = quantization_aware(recipe, run="runs/ssd", learning_rate=2e-5)
