"""A small detector and a small segmenter of faint shapes, for promises: objects held whole, pixels not missed.

Shows: a task that is not solved, on which `outer_boxes` and `pixel_sets` can be judged (`measure_promises.py`).
Commands: python pipelines/prepare_shapes.py --out data/shapes
          kerasvision train pipelines/promise_shapes.py:boxes --out runs/shapes-boxes
          kerasvision train pipelines/promise_shapes.py:pixels --out runs/shapes-pixels
          kerasvision calibrate runs/shapes-pixels --set pixel_sets.coverage=0.95
          kerasvision calibrate runs/shapes-boxes --set outer_boxes.coverage=0.8
Measured on 2 cores (AVX-512, shared with other work), one run each, 600 test pictures: pixels, mIoU 0.865, and 0.866 of
the int8 file, in 2.2 processor minutes with both exports; boxes, AP 0.596, AP50 0.875. Promised 0.8 by 270 pictures
with objects, 0.798 of a test picture's objects are held, in 2.3 boxes a picture, 1.53 times as large as those found;
promised 0.95 by 270 pictures, 0.968 of a test picture's foreground, with 1.12 classes a pixel. The validation pictures
of this draw are a little harder than the test ones (Dice 0.873 and 0.892), which is what a split can do to a promise.
"""

from kerasvision import Recipe, create
from kerasvision.ops.anchors import Anchors

SIZE = (64, 64)
FLIP = create("augmentations/geometric/horizontal_flip")
data = create("sources/coco", path="data/shapes")
exports = (create("exporters/tflite"), create("exporters/tflite", quantize="int8"))

boxes = Recipe(
    name="shapes_boxes",
    model=create(
        "detection/retinanet",
        image_size=SIZE,
        backbone=create("backbones/convnet", width=12, blocks=(1, 1, 1), stem_stride=2),
        neck=create("necks/fpn", width=24, first=2, last=4),
        anchors=Anchors(strides=(4, 8, 16), sizes=((14.0,), (20.0,), (28.0,)), ratios=(1.0,)),
        head_width=24,
        head_depth=1,
    ),
    data=data,
    augment=(FLIP,),
    optimizer=create("optimizers/adamw", learning_rate=3e-3),
    epochs=20,
    batch_size=16,
    exports=exports,
)

pixels = Recipe(
    name="shapes_pixels",
    model=create(
        "semantic_segmentation/unet",
        image_size=SIZE,
        width=8,
        backbone=create("backbones/unet_encoder", width=8, depth=3),
    ),
    data=create("sources/semantic", of=data),
    augment=(FLIP,),
    optimizer=create("optimizers/adamw", learning_rate=3e-3),
    epochs=8,
    batch_size=16,
    exports=exports,
)
