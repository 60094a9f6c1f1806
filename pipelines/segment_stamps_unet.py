"""U-Net names each pixel of photographs with cut-out objects of eleven classes.

Shows: masks made of objects, ImageNet weights, 256 px; what each file loses, before and after quantization-aware
training.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision train pipelines/segment_stamps_unet.py --out runs/segment-unet
          kerasvision train pipelines/segment_stamps_unet.py:qat --out runs/segment-unet-qat
Measured on 2 cores (AVX-512, VNNI, shared with other work: 52 minutes, and 13 for `:qat`), 300 scenes of objects and
backgrounds that no training scene has:

    mIoU over 12 classes   0.411 (0.392 to 0.430)     foreground IoU   0.873
    tflite:float32         +0.0000   of 300 scenes none with 0.01 % of its pixels changed
    tflite:int8            -0.0045   26 ms a scene where the float file takes 82
    onnx, SavedModel       +0.0000   none changed
    :qat                   0.422 (0.401 to 0.442), and its int8 file +0.0001

Outlines are finer than DeepLab's (`segment_stamps_deeplab.py`: 0.792), classes worse (0.490).
"""

from _stamps import quantization_aware, segmenter

recipe = segmenter("stamps_unet", "semantic_segmentation/unet", epochs=1, width=16)
qat = quantization_aware(recipe, run="runs/segment-unet", learning_rate=1e-4)
