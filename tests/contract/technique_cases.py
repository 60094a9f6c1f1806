"""What is compared on one replica and on two: a few steps with techniques that act at different places of a step.

A registered technique that is in no comparison and not in APART fails `test_technique_replicas.py`.
"""

import dataclasses

RUN = "the folder of a finished run, filled in by the program"
RESTORER = "the folder of a finished run of a restorer, filled in by the program"
RATE, STEPS, BATCH = 0.05, 4, 16

# How far apart sums may end that are taken in another order (Higham 2002, Accuracy and Stability of Numerical
# Algorithms, section 4.2): N terms of size 1 and unit roundoff u leave N u at most. A gradient of a kernel sums the
# examples' 4x4 positions, and each step moves a weight by RATE of it.
POSITIONS = BATCH * 4 * 4
FLOAT32 = STEPS * RATE * POSITIONS * 2.0**-24
FLOAT16 = STEPS * RATE * 2.0**-11 * 4  # gradients of up to 4, each rounded once to float16
# a range is the largest of rounded sums of 27 products (a kernel of 3x3x3), relative to itself, through two layers
RANGES = 2 * 27 * 2.0**-24
# a penalty of l2 / 2 |w|^2 keeps two kernels, each fitted until its gradient is below 1e-6, so near (`Smote.l2`)
FITTED = 2 * 1e-6 / 1e-3


@dataclasses.dataclass(frozen=True)
class Comparison:
    """techniques: name -> fields, of one phase, in order. norms: whether the graph has a batch normalization. rate: of
    SGD. within: how far apart weights may end, above 1 relative to them. model: "classifier", "incomplete", with a
    restorer, "moco", with two views, "pairs", or "senses", of texts and numbers. compared: a pattern that names of
    variables begin with.
    """

    techniques: dict[str, dict]
    norms: bool = False
    rate: float = RATE
    within: float = FLOAT32
    model: str = "classifier"
    compared: str = ""


COUNTS = tuple(20 - k for k in range(10))
COSTS = tuple(tuple(float(abs(i - j)) for j in range(10)) for i in range(10))
FEATURES = {"teacher": RUN, "at": ("c0",)}

# what changes losses and examples
OF_LOSSES = {
    "generalized": Comparison(
        {"generalized_cross_entropy": {}, "bag": {"seed": 3}, "freeze": {"prefix": "backbone_c0_bn"}}, norms=True
    ),
    "symmetric": Comparison(
        {"symmetric_cross_entropy": {}, "undersample": {}, "warm_start": {"run": RUN}, "cluster": {"number": 8}}
    ),
    "bootstrapped": Comparison({"bootstrap": {}, "oversample": {}, "fine_tune": {"decay": 0.5}}),
    "weighed": Comparison(
        {
            "focal": {},
            "class_weights": {"counts": COUNTS},
            "logit_adjustment": {"counts": COUNTS},
            "cost_matrix": {"costs": COSTS, "weight": 0.1},
            "sweep_rate": {"low": 0.01, "high": 0.05},
            "accumulate": {"steps": 2},
        }
    ),
    "taught": Comparison(
        {
            "distill": {"teacher": RUN},
            "hints": FEATURES,
            "attention_transfer": FEATURES | {"weight": 1.0},
            "pk_batches": {"pictures": 2},
        }
    ),
    "co-taught": Comparison({"co_teaching": {"forget_rate": 0.3, "gradual_epochs": 1}}),
    "fitted again": Comparison({"smote": {"neighbors": 3}}, within=FITTED),
}
OF_LOSSES["averaged"] = Comparison(
    {
        "momentum_teacher": {"momentum": 0.5},
        "centering": {"momentum": 0.5},
        "queue": {"size": 4 * BATCH},
        "collapse": {},
    },
    norms=True,
    model="moco",
)
OF_LOSSES["moved against"] = Comparison(
    {
        "fast_adversarial": {"radius": 0.05},
        "adversarial_training": {"radius": 0.05, "steps": 2},
        "trades": {"radius": 0.05, "steps": 2},
        "defensive_distillation": {"temperature": 2.0},
    }
)
OF_LOSSES["remembering"] = Comparison({"cross_batch_memory": {"size": 3 * BATCH, "start_step": 1}}, model="pairs")
GUESSES = {"unlabeled": "digits", "labeled": 0.5, "momentum": 0.5, "strong": "photometric/brightness"}
OF_LOSSES["guessed"] = Comparison({"momentum_teacher": {"momentum": 0.5}, "pseudo_labels": GUESSES})
OF_LOSSES["balanced"] = Comparison({"balance_modalities": {"alpha": 1.0, "noise": 0.1, "weight": 0.5}}, model="senses")
OF_LOSSES["consistent"] = Comparison({"consistency": {"weight": 2.0}})
# what changes graphs, weights and steps
OF_GRAPHS = {
    "sharp": Comparison({"sam": {"rho": 0.5}, "ema": {"decay": 0.9}}, norms=True),
    "pruned": Comparison({"prune": {"sparsity": 0.5, "skip": ()}, "swa": {}}, norms=True),
    "float16": Comparison({"mixed_precision": {}, "accumulate": {"steps": 2}}, within=FLOAT16),
    # rounding to 8 bits has steps: weights that move are sooner or later rounded to another one, so only ranges move
    "quantized": Comparison({"qat": {}}, norms=True, rate=1e-12, within=RANGES, compared=r".*_m(in|ax):0$"),
    "restored": Comparison({"restore_with": {"run": RESTORER}}, model="incomplete"),
}
COMPARISONS = OF_LOSSES | OF_GRAPHS

# name -> why its mathematics does not let two replicas take the steps of one
APART = {
    "width_buckets": "each replica may choose a width of its own, on which no loss depends (test_width_buckets.py)",
}
