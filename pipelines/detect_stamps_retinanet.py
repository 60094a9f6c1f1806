"""RetinaNet finds eleven classes of cut-out objects in photographs.

Shows: a detector from rendered scenes to files, with ImageNet weights, at 320 px.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision train pipelines/detect_stamps_retinanet.py --out runs/retinanet
          kerasvision train pipelines/detect_stamps_retinanet.py:qat --out runs/retinanet-qat
          kerasvision train pipelines/detect_stamps_retinanet.py:adversarial --out runs/retinanet-adversarial
          for R in retinanet retinanet-adversarial; do kerasvision attack runs/$R --examples 200; done     (pgd, 8/255)
          kerasvision attack runs/retinanet --attack patch --examples 200
Measured on 2 cores (AVX2, no VNNI, shared with other work, 42 min), 300 test scenes of objects and backgrounds that
training never saw, one run: AP 0.363, AP50 0.522; AP of objects without occlusion 0.323, partly hidden 0.324, mostly
hidden 0.182; in dark scenes 0.354, in bright ones 0.387. Boxes are good, classes are what it lacks: 190 cut-outs teach
11 classes, coins reach an AP of 0.79 and planets 0.74, fish 0.09 and tools 0.05.

    file               AP       change    size      ms an image
    tflite:float32     0.3628   -0.0000   15.8 MB   38.5
    tflite:int8        0.3622   -0.0006    4.8 MB   13.5
    qat, tflite:int8   0.3561   -0.0068    4.8 MB   11.6 (4 min more)
    saved_model        0.3629    0.0000   19.1 MB   55.3
    onnx               0.3629    0.0000   15.8 MB   18.9
    mediapipe:float32  0.3637   +0.0008   16.4 MB   38.7
    mediapipe:int8     0.3622   -0.0006    5.4 MB   14.4

Again on AVX-512 (VNNI, shared with other work, 57 processor minutes): AP 0.378, AP50 0.541, tflite:int8 -0.0009.
Under `pgd` of 20 steps at 8/255 the AP of 150 test scenes falls from 0.3583 to 0.0002 (11 processor minutes).

(`kerasvision export runs/retinanet --to mediapipe:float32 mediapipe:int8` wrote the last two.)
"""

from _stamps import detector, hardened, quantization_aware

recipe = detector("stamps_retinanet", "detection/retinanet", epochs=7, stages=-1, moved=False)
qat = quantization_aware(recipe, run="runs/retinanet", learning_rate=2e-5)
adversarial = hardened(recipe, run="runs/retinanet", learning_rate=5e-4)
