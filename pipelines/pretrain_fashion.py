"""Fashion-MNIST without its labels: what each method of `self_supervised` makes of 54,000 pictures of 28 pixels.

Shows: pretraining of one backbone by every method, as many steps each, with a watch on collapse on 6,000 others; probes
with 100, 600 and 10,000 labels beside random weights and raw pixels; and fine-tuning on 100 and 600 labels from the
best run beside the same network from scratch, with the same augmentation and as many steps.
Commands: python pipelines/seed_fashion_mnist.py    (only without a network; needs Debian's dataset-fashion-mnist)
          kerasvision train pipelines/pretrain_fashion.py:vicreg --out runs/pretrain-vicreg      (and every other name)
          kerasvision probe runs/pretrain-vicreg --labels 100 600 10000 --json
          kerasvision train pipelines/pretrain_fashion.py:tuned_600 --out runs/pretrain-tuned-600
          kerasvision train pipelines/pretrain_fashion.py:scratch_600 --out runs/pretrain-scratch-600
For another seed: --set seed=1 and another folder. Not measured yet, nor how long it takes:

                            linear, 10,000    600    100    neighbors, 10,000    fine-tuned, 600    100
    raw pixels              not measured yet
    random weights          not measured yet
    simclr                  not measured yet
    moco                    not measured yet
    dense                   not measured yet
    byol                    not measured yet
    simsiam                 not measured yet
    barlow_twins            not measured yet
    vicreg                  not measured yet
    dino                    not measured yet
    masked_autoencoder      not measured yet
    rotation                not measured yet
    jigsaw                  not measured yet
    from scratch                                                                not measured yet

`colorization` has nothing to learn of gray pictures, and is left out.
"""

from kerasvision import Recipe, create

BACKBONE = create("backbones/convnet", width=16, blocks=(1, 1, 1))
CROPS = (
    create("augmentations/geometric/random_resized_crop", scale=(0.3, 1.0)),
    create("augmentations/geometric/horizontal_flip"),
    create("augmentations/photometric/brightness"),
    create("augmentations/photometric/contrast"),
)
TEACHER = create("techniques/momentum_teacher", momentum=0.99)
WATCH = create("techniques/collapse")


def by(method, *techniques, augment=CROPS, **fields):
    """The recipe of a method; all but the method is the same."""
    return Recipe(
        name=f"pretrain_{method}",
        model=create(f"self_supervised/{method}", image_size=(28, 28), backbone=BACKBONE, **fields),
        data=create("sources/tfds", name="fashion_mnist"),
        augment=augment,
        techniques=(*techniques, WATCH),
        optimizer=create("optimizers/adamw", learning_rate=2e-3, weight_decay=1e-2),
        epochs=10,
        batch_size=256,
        cache=True,
    )


simclr = by("simclr")
moco = by("moco", TEACHER, create("techniques/queue", size=4096))
dense = by("dense", TEACHER)
byol = by("byol", TEACHER)
simsiam = by("simsiam")
barlow_twins = by("barlow_twins", redundancy=0.02)
vicreg = by("vicreg")
dino = by("dino", TEACHER, create("techniques/centering"))
# what hides or moves parts of a picture needs no other views of it
masked_autoencoder = by("masked_autoencoder", augment=CROPS[:2])
rotation = by("rotation", augment=())
jigsaw = by("jigsaw", augment=CROPS[1:], grid=2)


def tuned(labels, *techniques):
    """A classifier on so many pictures, with or without pretrained weights. No further label chooses its epoch."""
    return Recipe(
        name=f"pretrain_{'tuned' if techniques else 'scratch'}_{labels}",
        model=create("classification/classifier", image_size=(28, 28), backbone=BACKBONE),
        data=create("sources/tfds", name="fashion_mnist", train=f"train[:{labels}]"),
        augment=CROPS,
        techniques=techniques,
        optimizer=create("optimizers/adamw", learning_rate=1e-3, weight_decay=1e-2),
        epochs=1000 * 32 // labels,
        batch_size=32,
        validation_fraction=0.0,
        cache=True,
    )


best = create("techniques/warm_start", run="runs/pretrain-vicreg")
tuned_100, scratch_100 = tuned(100, best), tuned(100)
tuned_600, scratch_600 = tuned(600, best), tuned(600)
