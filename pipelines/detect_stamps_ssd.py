"""SSD finds eleven classes of cut-out objects in photographs.

Shows: a detector from rendered scenes to files, with ImageNet weights, at 320 px.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision train pipelines/detect_stamps_ssd.py --out runs/ssd
          kerasvision train pipelines/detect_stamps_ssd.py:qat --out runs/ssd-qat
Measured on 2 cores (AVX-512, shared with other work, 63 min), 300 test scenes of objects and backgrounds that training
never saw, one run: AP 0.240, AP50 0.384; AP of objects without occlusion 0.196, partly hidden 0.230, mostly hidden
0.126.

    file               AP       change    size
    tflite:float32     0.2403   -0.0000   17.1 MB
    tflite:int8        0.2372   -0.0031    5.0 MB
    qat, trained       0.2384   -0.0019             (14 min more)
    qat, tflite:int8   0.2359   -0.0044    5.1 MB
    saved_model        0.2403    0.0000   21.3 MB
    onnx               0.2403   -0.0000   17.1 MB

Quantization-aware training saves nothing here: calibration alone loses less.
"""

from _stamps import detector, quantization_aware

recipe = detector("stamps_ssd", "detection/ssd", epochs=8)
qat = quantization_aware(recipe, run="runs/ssd", learning_rate=2e-5)
