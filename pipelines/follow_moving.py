"""A Siamese network learns to find again what it is shown once, in films of cut-outs over photographs."""

from kerasvision import Recipe, create

SIZE = (120, 160)  # of the films, and of the frames that a file takes
JITTER = create("augmentations/photometric/color_jitter")

recipe = Recipe(
    name="follow_moving",
    model=create("tracking/siamfc", frame_size=SIZE),
    data=create(
        "sources/moving",
        path="data/stamps/cutouts.csv",
        backgrounds=("data/stamps/backgrounds", "data/stamps/scenery"),
        films=(1000, 20, 30),
        frames=3,
        give="pairs",
        image_size=SIZE,
        side=(0.2, 0.45),
        speed=(0.1, 0.5),
    ),
    augment=(JITTER,),
    optimizer=create("optimizers/adamw", learning_rate=2e-3),
    epochs=12,
    batch_size=32,
    cache=True,
)
