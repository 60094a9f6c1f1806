"""Mask R-CNN finds eleven classes of cut-out objects in photographs, with their outlines.

Shows: instance masks from rendered scenes to files, with ImageNet weights, at 320 px.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision train pipelines/segment_instances_stamps.py --out runs/mask
Measured on 2 cores (AVX2, no VNNI, shared with other work, 38 min), 300 test scenes of objects and backgrounds that
training never saw, one run: of masks AP 0.363, AP50 0.515 (large objects 0.486, medium 0.366, small 0.203); of boxes
AP 0.370, AP50 0.531; AP of objects without occlusion 0.338, partly hidden 0.325, mostly hidden 0.200.

    file               mask AP  change    size      ms an image
    tflite:float32     0.3630   0.0000    19.1 MB   50.0
    saved_model        0.3630   0.0000    22.9 MB   44.2
    onnx               0.3630   0.0000    19.2 MB   28.4
"""

from _stamps import detector

recipe = detector(
    "stamps_mask_rcnn",
    "instance_segmentation/mask_rcnn",
    epochs=6,
    int8=False,
    masks=True,
    proposals=32,
    mask_depth=2,
)
