"""V-Net finds three organs: noisy ellipsoids that drift in intensity, over a real scan.

Shows: NIfTI volumes in several orientations, patches that favor the foreground, augmentation in millimeters, windows
when answering, and surfaces in millimeters.
Commands: python pipelines/prepare_volumes.py --out data/volumes
          kerasvision train pipelines/segment_volume_vnet.py --out runs/volume-vnet
          kerasvision predict runs/volume-vnet data/volumes/images/test --out masks --draw volumes.png
Measured on 2 cores (AVX2, shared with other work): training 20 minutes, exports 6; 12 unseen volumes with voxels of
unequal sides:

              Dice    HD95, mm   mean error of the volume, ml
    organ_a   0.971    9.7       0.70
    organ_b   0.885    4.8       1.79
    organ_c   0.942   20.1       0.16

The files answer as the trained model does (0 of 12 masks change; errors of probabilities below 4e-6). HD95 is large
where islands lie far from their organ; `predict --largest` takes them away.
"""

from kerasvision import Recipe, create

recipe = Recipe(
    name="volume_vnet",
    model=create(
        "volume_segmentation/vnet",
        volume_size=(16, 48, 48),
        width=8,
        kernel=3,
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
    epochs=300,
    batch_size=2,
    cache=True,
    exports=(create("exporters/saved_model"), create("exporters/tflite"), create("exporters/onnx")),
)
