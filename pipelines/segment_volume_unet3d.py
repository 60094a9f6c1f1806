"""3D U-Net finds three organs: noisy ellipsoids that drift in intensity, over a real scan.

Shows: NIfTI volumes in several orientations, patches that favor the foreground, augmentation in millimeters, windows
when answering, and surfaces in millimeters.
Commands: python pipelines/prepare_volumes.py --out data/volumes
          kerasvision train pipelines/segment_volume_unet3d.py --out runs/volume-unet3d
          kerasvision predict runs/volume-unet3d data/volumes/images/test --out masks --draw volumes.png
"""

from kerasvision import Recipe, create

recipe = Recipe(
    name="volume_unet3d",
    model=create(
        "volume_segmentation/unet3d",
        volume_size=(16, 48, 48),
        width=16,
        strides=((1, 2, 2), (2, 2, 2), (2, 2, 2)),
    ),
    data=create("sources/volumes", path="data/volumes"),
    augment=(
        create("augmentations/volume/affine", degrees=(15.0, 5.0, 5.0)),
        create("augmentations/patches/foreground", size=(16, 48, 48)),
        create("augmentations/volume/flip"),
        create("augmentations/volume/noise"),
        create("augmentations/volume/gamma"),
        create("augmentations/volume/bias_field"),
    ),
    optimizer=create("optimizers/adamw", learning_rate=1e-3),
    epochs=120,
    batch_size=2,
    cache=True,
    exports=(create("exporters/saved_model"), create("exporters/tflite"), create("exporters/onnx")),
)
