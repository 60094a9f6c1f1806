"""YOLO finds eleven classes of cut-out objects in photographs, before and after quantization-aware training.

Shows: a detector from rendered scenes to files, with ImageNet weights, at 320 px; what each file loses.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision train pipelines/detect_stamps_yolo.py --out runs/yolo
          kerasvision train pipelines/detect_stamps_yolo.py:qat --out runs/yolo-qat
Measured on 2 cores (AVX2, no VNNI, shared with other work, 36 min), 300 test scenes of objects and backgrounds that
training never saw, one run: AP 0.348, AP50 0.486; AP of objects without occlusion 0.318, partly hidden 0.284, mostly
hidden 0.166.

    file               AP       change    size      ms an image
    tflite:float32     0.3483   -0.0000   15.8 MB   29.6
    tflite:int8        0.3423   -0.0060    4.6 MB   10.9
    qat, tflite:int8   0.3399   -0.0084    4.7 MB    9.5 (4 min more)
    saved_model        0.3483    0.0000   19.7 MB   40.3
    onnx               0.3483    0.0000   15.9 MB   13.4

Beside ultralytics' YOLOv8n (8.4.190) from its configuration without downloaded weights, on the same scenes in the same
851 s each, one after the other on two quiet cores (AVX-512, AMD EPYC; tests/benchmarks/test_detection_peer.py, four
epochs of fine-tuning, both cores for each): AP50 0.466 against 0.138, 3.4 times; AP 0.313 against 0.070.
"""

from _stamps import detector, quantization_aware

recipe = detector("stamps_yolo", "detection/yolo", epochs=8)
qat = quantization_aware(recipe, run="runs/yolo", learning_rate=2e-5)
