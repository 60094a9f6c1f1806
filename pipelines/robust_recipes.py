r"""What AugMix, occlusion and light bring against corruptions, and what they cost: three kinds of data, three seeds.

Shows: `techniques/consistency` (AugMix with its Jensen-Shannon term), random erasing and changes of light on small
pictures, on photographs with ImageNet features and on scenes that are segmented, each beside the same recipe without
them; mean corruption error against that one.
Commands: python pipelines/seed_fashion_mnist.py    (only without a network; needs Debian's dataset-fashion-mnist)
          python pipelines/prepare_stamps.py --out data/stamps
          for D in fashion stamps scenes; do for S in 0 1 2; do
          kerasvision train pipelines/robust_recipes.py:plain_$D --set seed=$S --out runs/plain-$D-$S
          kerasvision train pipelines/robust_recipes.py:robust_$D --set seed=$S --out runs/robust-$D-$S
          kerasvision robustness runs/plain-$D-$S --examples 1000 --out runs/plain-$D-$S
          kerasvision robustness runs/robust-$D-$S --examples 1000 --against runs/plain-$D-$S/robustness.json \
              --out runs/robust-$D-$S
          done; done
Expected: mean corruption error at least 15 % lower, relative. Not measured yet.
"""

import dataclasses

from _stamps import FLIP, segmenter
from adversarial_fashion_mnist import plain
from transfer_stamps import frozen

from kerasvision import create

LIGHT = (
    create("augmentations/photometric/brightness"),
    create("augmentations/photometric/contrast"),
    create("augmentations/photometric/gamma"),
)
ERASING = create("augmentations/occlusion/random_erasing")


def robust(recipe, name, moves=True):
    """The same network, data and steps with AugMix, occlusion and light in each phase. moves: see `policy/augmix`."""
    consistency = create("techniques/consistency", augmix=create("augmentations/policy/augmix", moves=moves))
    then = tuple(
        dataclasses.replace(p, augment=(*p.augment, ERASING, *LIGHT), techniques=(*p.techniques, consistency))
        for p in recipe.then
    )
    return dataclasses.replace(
        recipe,
        name=name,
        augment=(*recipe.augment, ERASING, *LIGHT),
        techniques=(*recipe.techniques, consistency),
        then=then,
    )


plain_fashion = dataclasses.replace(
    plain,
    name="plain_fashion",
    data=dataclasses.replace(plain.data, train="train[:20000]"),
    augment=(FLIP,),
    exports=(),
)
plain_stamps = dataclasses.replace(
    frozen,
    name="plain_stamps",
    augment=(create("augmentations/geometric/affine", fill=255), FLIP),
    techniques=(create("techniques/fine_tune", stages=-1),),
    optimizer=create("optimizers/adamw", learning_rate=3e-4),
    exports=(),
)
_scenes = segmenter("plain_scenes", "semantic_segmentation/deeplabv3plus", epochs=1, output_stride=32, rates=(2, 3, 4))
plain_scenes = dataclasses.replace(
    _scenes,
    data=dataclasses.replace(_scenes.data, of=dataclasses.replace(_scenes.data.of, scenes=(1000, 100, 200))),
    exports=(),
)
robust_fashion = robust(plain_fashion, "robust_fashion")
robust_stamps = robust(plain_stamps, "robust_stamps")
robust_scenes = robust(plain_scenes, "robust_scenes", moves=False)
