"""SMOTE on embeddings: the last layer is fitted again to features that are balanced by invented examples.

Chawla, Bowyer, Hall, Kegelmeyer 2002, SMOTE: Synthetic Minority Over-sampling Technique, arXiv:1106.1813;
borderline: Han, Wang, Mao 2005 (doi:10.1007/11538059_91), borderline-1; svm: Nguyen, Cooper, Kamei 2011
(doi:10.1504/IJKESDP.2011.039875); adasyn: He, Bai, Garcia, Li 2008 (doi:10.1109/IJCNN.2008.4633969). All through
imbalanced-learn. A point between two images is no image, but between two embeddings it is an embedding; features and
classifier are learned apart, as in Kang et al. 2020, Decoupling Representation and Classifier, arXiv:1910.09217 (cRT).
"""

import copy
import dataclasses
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import techniques
from kerasvision.data.pipeline import evaluation_data
from kerasvision.data.sampling import class_name
from kerasvision.ops.internals import called_with, made_by
from kerasvision.train.techniques._classes import counted, require_classes
from kerasvision.train.techniques.base import Technique

BATCH = 64  # images whose features are taken at once
STEPS = 1000  # of L-BFGS, at most
DANGER_NEIGHBORS = 10  # of borderline and svm, to tell which examples lie at a border; the papers' m


@techniques.register("smote")
@dataclasses.dataclass(frozen=True)
class Smote(Technique):
    """When the phase has ended and its best weights are back, everything but the last layer is frozen: the embedding
    (`Architecture.embedding`) of every training image is taken, without augmentation, balanced, and the last layer
    becomes the softmax regression on it.

    variant: smote draws between an example of a class and one of its nearest `neighbors` of the same class. borderline
    and svm begin at examples near a border only: where there are none, borderline leaves a class as it is and svm may
    invent fewer than are missing; svm takes time with the square of the number of examples. adasyn invents more where a
    class is harder. neighbors: every class but the largest needs more examples than that. l2: of the regression, on
    features of unit variance. seed: of the draws. For one class an example; needs the extra `imbalance`. Not in a phase
    with qat, but in one before. Frozen features need no steps of their own: put it into the phase that trains. What it
    changes is not evaluated on the validation split before it is kept.
    """

    rivals: typing.ClassVar[str] = "none"

    variant: typing.Literal["smote", "borderline", "svm", "adasyn"] = "smote"
    neighbors: int = 5
    l2: float = 1e-3
    seed: int = 0
    _split = None  # what `fit_statistics` saw: a run that is loaded has seen nothing, and is not fitted again

    def __post_init__(self):
        super().__post_init__()
        if self.neighbors < 1:
            raise UsageError(f"smote.neighbors: got {self.neighbors}; allowed: 1 or more, usually 5")
        if not 0 < self.l2 < float("inf"):
            raise UsageError(f"smote.l2: got {self.l2}; allowed: above 0, such as 0.001")
        if self.seed < 0:
            raise UsageError(f"smote.seed: got {self.seed}; allowed: 0 or more")

    def fit_statistics(self, arch, split):
        """Refuses before hours of training what would fail after them."""
        require_classes("smote", arch)
        _over_sampling()
        counts = counted("smote", arch, split)
        few = [k for k, n in enumerate(counts) if n <= self.neighbors and n < max(counts)]
        if few:
            raise KerasVisionError(
                f"smote: class {class_name(split, few[0])} has {counts[few[0]]} training examples; each but the "
                f"largest needs more than neighbors={self.neighbors}: set fewer, or use techniques/oversample"
            )
        seen = copy.copy(self)
        object.__setattr__(seen, "_split", split)
        return seen

    def observer(self, arch, graph):
        _head(arch, graph)  # nothing to observe: whether there is such a layer, before the first step

    def strip(self, arch, graph):
        if self._split is None:
            return graph
        from threadpoolctl import threadpool_limits  # scikit-learn brings it

        head = _head(arch, graph)
        embeddings, labels = _embeddings(arch, graph, self._split)
        # one thread: the sums are then the same on every machine, and threads that wait for a busy processor made a fit
        # of 40 ms take 4 s
        with threadpool_limits(limits=1):
            kernel, bias = softmax_regression(*self.balanced(embeddings, labels), self.l2)
        head.set_weights([kernel, bias])
        return graph

    def balanced(self, embeddings, labels):
        """(float32 [N, D], int [N]) -> the same with invented examples after them."""
        over_sampling = _over_sampling()
        chance = {"random_state": self.seed}
        danger = {"m_neighbors": DANGER_NEIGHBORS}
        sampler = {
            "smote": lambda: over_sampling.SMOTE(k_neighbors=self.neighbors, **chance),
            "borderline": lambda: over_sampling.BorderlineSMOTE(k_neighbors=self.neighbors, **danger, **chance),
            "svm": lambda: over_sampling.SVMSMOTE(k_neighbors=self.neighbors, **danger, **chance),
            "adasyn": lambda: over_sampling.ADASYN(n_neighbors=self.neighbors, **chance),
        }[self.variant]()
        try:
            return sampler.fit_resample(embeddings, labels)
        except (ValueError, RuntimeError) as error:  # classes that are apart have no border, and so on
            line = str(error).splitlines()[0]
            raise KerasVisionError(f"smote.variant={self.variant!r} finds nothing to invent from: {line}") from None


def softmax_regression(features, labels, l2):
    """(kernel [D, K], bias [K]), float64, of the least mean cross-entropy + l2 / 2 |kernel|^2.

    features: [N, D], each of which the penalty sees at unit variance; labels: 0..K-1, all of which occur.
    """
    from sklearn.linear_model import LogisticRegression

    features = np.asarray(features, np.float64)
    mean, scale = features.mean(0), features.std(0)
    scale[scale < 1e-6 * max(1e-12, scale.max())] = np.inf  # a feature that never changes tells nothing
    two = len(np.unique(labels)) == 2  # scikit-learn then fits one vector, the difference of both columns
    strength = (2.0 if two else 1.0) / (l2 * len(features))
    fitted = LogisticRegression(C=strength, max_iter=STEPS, tol=1e-6).fit((features - mean) / scale, labels)
    kernel, bias = fitted.coef_.T, fitted.intercept_
    if two:
        kernel, bias = (np.concatenate([-x / 2, x / 2], -1) for x in (kernel, bias))
    kernel = kernel / scale[:, None]
    return kernel, bias - mean @ kernel


def _head(arch, graph):
    """The Dense layer that makes logits of the embedding."""
    layer = made_by(graph.output["logits"])
    takes_embedding = called_with(graph.output["logits"])[0] is arch.embedding(graph)
    if not isinstance(layer, keras.layers.Dense) or len(layer.get_weights()) != 2 or not takes_embedding:
        raise KerasVisionError(
            "smote fits the Dense layer again that makes logits of the embedding, and the graph has none; with qat, "
            "put it into a phase before"
        )
    return layer


def _embeddings(arch, graph, split):
    """(float32 [N, D], int [N]) of every example, as it is served."""
    features = keras.Model(graph.input, arch.embedding(graph))
    embed = tf.function(lambda prepared: features(arch.normalize(prepared), training=False), autograph=False)
    rows = [
        (tf.cast(embed(prepared), tf.float32).numpy(), ground_truth["label"].numpy())
        for prepared, _, ground_truth in evaluation_data(split, arch, batch_size=BATCH)
    ]
    return tuple(np.concatenate(part) for part in zip(*rows, strict=True))


def _over_sampling():
    try:
        import imblearn.over_sampling
    except ImportError as error:
        line = str(error).splitlines()[0]
        raise KerasVisionError(
            f"smote: imbalanced-learn cannot be imported ({line}); type: pip install 'kerasvision[imbalance]'"
        ) from None
    return imblearn.over_sampling
