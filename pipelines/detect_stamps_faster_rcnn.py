"""Faster R-CNN finds eleven classes of cut-out objects in photographs.

Shows: a two-stage detector from rendered scenes to files, with ImageNet weights, at 320 px.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision train pipelines/detect_stamps_faster_rcnn.py --out runs/faster
Measured on 2 cores (AVX2, no VNNI, shared with other work, 28 min), 300 test scenes of objects and backgrounds that
training never saw, one run: AP 0.368, AP50 0.527; AP of objects without occlusion 0.335, partly hidden 0.312, mostly
hidden 0.202.

    file               AP       change    size      ms an image
    tflite:float32     0.3681   0.0000    18.6 MB   34.6
    saved_model        0.3681   0.0000    21.7 MB   44.4
    onnx               0.3681   0.0000    18.7 MB   38.7
"""

from _stamps import detector

recipe = detector("stamps_faster_rcnn", "detection/faster_rcnn", epochs=8, int8=False)
