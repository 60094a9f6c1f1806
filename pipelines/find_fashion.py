"""Fashion-MNIST searched: embedders that learn from six classes are judged by four that they have not seen.

Shows: every loss of `embedding/pairs` and `embedding/proxies` with one network, the same batches and as many steps, on
`sources/unseen_classes`: of 36,000 pictures of six classes a tenth chooses the epoch and the rest trains, and each of
4,000 test pictures of pullovers, shirts, coats and ankle boots is searched among the others. The baseline is what a
classifier of the six classes has learned, which is trained once, before; its own figures of the test mean nothing.
Commands: python pipelines/seed_fashion_mnist.py    (only without a network; needs Debian's dataset-fashion-mnist)
          python pipelines/find_fashion.py                                      (raw pixels)
          kerasvision train pipelines/find_fashion.py:seen --out runs/fashion-seen
          kerasvision study pipelines/find_fashion.py --out runs/find-fashion
          kerasvision train pipelines/find_fashion.py:circle --out runs/circle  (or any other one alone)
Raw pixels on 2 cores (AVX-512, shared with other work), 24 s of processor time; the rest is not measured yet, nor how
long it takes:

                             test/map@r    test/recall@1
    raw pixels               0.357         0.810
    classifier's features    not measured yet
    batch_hard               not measured yet
    semi_hard                not measured yet
    distance_weighted        not measured yet
    contrastive              not measured yet
    contrastive, memory      not measured yet
    multi_similarity         not measured yet
    circle                   not measured yet
    normalized_softmax       not measured yet
    cosface                  not measured yet
    arcface                  not measured yet
    sub-center arcface       not measured yet
    soft_triple              not measured yet
    proxy_anchor             not measured yet
"""

import dataclasses

from kerasvision import Recipe, Study, create

SEEN = "runs/fashion-seen"
UNSEEN = ("Pullover", "Shirt", "Coat", "Ankle boot")
SIZE, DIMENSION, BATCH = (28, 28), 64, 96
BACKBONE = create("backbones/convnet", width=16, blocks=(1, 1, 1))

seen = Recipe(
    name="fashion_seen",
    model=create("classification/classifier", image_size=SIZE, backbone=BACKBONE),
    data=create("sources/unseen_classes", of=create("sources/tfds", name="fashion_mnist"), names=UNSEEN),
    augment=(
        create("augmentations/geometric/random_resized_crop", scale=(0.7, 1.0)),
        create("augmentations/geometric/horizontal_flip"),
    ),
    optimizer=create("optimizers/adamw", learning_rate=2e-3, weight_decay=1e-2),
    epochs=10,
    batch_size=BATCH,
    cache=True,
)
features = dataclasses.replace(
    seen,
    name="fashion_features",
    model=create("embedding/pretrained", image_size=SIZE, backbone=BACKBONE, dimension=DIMENSION),
    techniques=(create("techniques/warm_start", run=SEEN),),
    epochs=0,
)
# all six classes in each batch, sixteen pictures of each
BATCHES = create("techniques/pk_batches", pictures=BATCH // 6)


def by(name, model, *techniques):
    """An embedder's recipe; all but the loss is the same."""
    return dataclasses.replace(seen, name=f"fashion_{name}", model=model, techniques=(BATCHES, *techniques))


def with_terms(model, terms):
    """The embedder with other terms in its loss."""
    return dataclasses.replace(model, objective=dataclasses.replace(model.objective, **terms))


def pairs(name, *techniques, **terms):
    """By the pairs of a batch."""
    model = create("embedding/pairs", image_size=SIZE, backbone=BACKBONE, dimension=DIMENSION)
    return by(name, with_terms(model, {"contrastive": 0.0} | terms), *techniques)


def proxies(name, centers=1, temperature=0.0, merge=0.0, **terms):
    """By vectors of the classes."""
    model = create(
        "embedding/proxies",
        image_size=SIZE,
        backbone=BACKBONE,
        dimension=DIMENSION,
        centers=centers,
        centers_temperature=temperature,
        centers_merge=merge,
    )
    return by(name, with_terms(model, {"normalized_softmax": 0.0} | terms))


batch_hard = pairs("batch_hard", batch_hard=1.0)
semi_hard = pairs("semi_hard", semi_hard=1.0)
distance_weighted = pairs("distance_weighted", distance_weighted=1.0)
contrastive = pairs("contrastive", contrastive=1.0)
remembering = pairs(
    "memory", create("techniques/cross_batch_memory", size=20 * BATCH, start_step=1000), contrastive=1.0
)
multi_similarity = pairs("multi_similarity", multi_similarity=1.0)
circle = pairs("circle", circle=1.0)
normalized_softmax = proxies("normalized_softmax", normalized_softmax=1.0)
cosface = proxies("cosface", cosface=1.0)
arcface = proxies("arcface", arcface=1.0)
subcenters = proxies("subcenter_arcface", centers=3, arcface=1.0)
soft_triple = proxies("soft_triple", 3, 0.1, 0.2, cosface=1.0, scale=20.0, cosine_margin=0.01)
proxy_anchor = proxies("proxy_anchor", proxy_anchor=1.0, scale=32.0)

study = Study(
    name="find_fashion",
    recipes=(
        *(features, batch_hard, semi_hard, distance_weighted, contrastive, remembering, multi_similarity, circle),
        *(normalized_softmax, cosface, arcface, subcenters, soft_triple, proxy_anchor),
    ),
    seeds=(0, 1, 2),
    metrics=("test/map@r", "test/recall@1"),
)


def raw_pixels(split):
    """Figures of the search among pixels, each picture's scaled to length 1."""
    import numpy as np
    import tensorflow as tf

    from kerasvision.metrics.retrieval import Retrieval

    def flat(record):
        sample = split.read(record)
        pixels = tf.io.decode_image(sample["image_bytes"], expand_animations=False)
        return tf.reshape(tf.cast(pixels, tf.float32), [-1]), sample["label"]

    judge = Retrieval()
    for pixels, labels in split.records.map(flat).batch(1000).as_numpy_iterator():
        lengths = np.linalg.norm(pixels, axis=1, keepdims=True)
        judge.update({"embedding": pixels / np.maximum(lengths, 1e-12)}, {"label": labels})
    return judge.result()


if __name__ == "__main__":
    for key, value in raw_pixels(seen.data.open().splits["test"]).items():
        print(f"{key}: {value:.4f}")
