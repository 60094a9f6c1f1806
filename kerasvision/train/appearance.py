"""A detector whose files know objects again by what an embedder of its own says of them, or by their colors."""

import dataclasses

from kerasvision.core.errors import UsageError
from kerasvision.train.run import load_run

COLORS = "colors"  # in place of a run


def with_appearance(trained, run, sign):
    """A `Trained` detector with the tracker that its files have inside (`model.slots`) comparing what objects look
    like, as `track --appearance` does: by the run of an embedding/* or by "colors". Weights of the run go into every
    file, and are evaluated for as many objects a frame as there are slots. sign: a function that takes what answers
    {"image": uint8 [B, H, W, 3]} with {"embedding": [B, E]}, and gives a text by which the run is told from others
    (`systems.looked.fingerprint`): a state of one is no other's.

    Raises UsageError where the detector has no slots, or the run gives no embedding of a picture alone.
    """
    slots = getattr(trained.arch, "slots", None)
    if slots is None or not slots.count:
        said = "finds no boxes" if slots is None else "has no tracker inside: add --set model.slots.count=32"
        raise UsageError(f"--appearance is of a tracker in a detector's files; {trained.arch.registered_name} {said}")
    if run == COLORS:
        return _with_slots(trained, dataclasses.replace(slots, looks="colors", look_size=0, look_model=""))
    embedder = load_run(run)
    outputs = embedder.arch.outputs
    if "embedding" not in outputs or set(embedder.arch.serving_inputs()) != {"image"}:
        raise UsageError(
            f"{run} ({embedder.arch.registered_name}) gives no embedding; --appearance takes embedding/* of a picture "
            "alone"
        )
    size = outputs["embedding"].shape[0]
    told = sign(embedder.served().serve)
    held = _with_slots(trained, dataclasses.replace(slots, looks="embedding", look_size=size, look_model=told))
    return dataclasses.replace(held, embedder=embedder)


def _with_slots(trained, slots):
    arch = dataclasses.replace(trained.arch, slots=slots)
    return dataclasses.replace(trained, recipe=dataclasses.replace(trained.recipe, model=arch))
