"""A Siamese network learns to find again what it is shown once, in films of cut-outs over photographs.

Shows: `tracking/siamfc` on pairs of `sources/moving`. Frames are small (120 x 160), so that 12 epochs (1,128 steps of
32 pairs) take 10 minutes of processor time, rendering and looking at the data before it among them (2 cores, AVX-512
(AMD EPYC), shared with other work). It learns, and is far from trained out: the loss has come from 2.79 to 1.60.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision train pipelines/follow_moving.py --out runs/follow
          python pipelines/measure_following.py runs/follow
`measure_following.py` has what came out. `follow_moving.py:siamban` has the same pairs and as many steps for
`tracking/siamban`, and was not trained yet.
"""

import dataclasses

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
siamban = dataclasses.replace(recipe, name="follow_moving_siamban", model=create("tracking/siamban", frame_size=SIZE))
