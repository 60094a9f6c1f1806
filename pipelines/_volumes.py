"""What the recipes on drawn volumes share: patches of 16 x 48 x 48 voxels, trained from scratch.

Data: python pipelines/prepare_volumes.py --out data/volumes
"""

from kerasvision import Recipe, create

SIZE = (16, 48, 48)


def segmenter(name, architecture, epochs, **fields):
    """A recipe that names each voxel. fields: of the architecture."""
    return Recipe(
        name=name,
        model=create(architecture, volume_size=SIZE, strides=((1, 2, 2), (2, 2, 2), (2, 2, 2)), **fields),
        data=create("sources/volumes", path="data/volumes"),
        augment=(
            create("augmentations/volume/affine", degrees=(15.0, 5.0, 5.0)),
            create("augmentations/patches/foreground", size=SIZE),
            create("augmentations/volume/flip"),
            create("augmentations/volume/noise"),
            create("augmentations/volume/gamma"),
            create("augmentations/volume/bias_field"),
        ),
        optimizer=create("optimizers/adamw", learning_rate=1e-3),
        epochs=epochs,
        batch_size=2,
        cache=True,
        exports=(create("exporters/saved_model"), create("exporters/tflite"), create("exporters/onnx")),
    )
