"""A function that goes from frame to frame in an exported file, in a closed loop: its own state is fed back to it.

The ids that it gives are compared with those of the Python tracker (`systems.multi_object`, setting `slots`) over what
the trained model finds in the same frames: real examples that are moved, some frames each, with a cut between two.
"""

import numpy as np
import tensorflow as tf

from kerasvision.export.rounding import BOUND_DRAWS, moved_weights
from kerasvision.ops.colors import color_looks
from kerasvision.ops.overlaps import overlaps
from kerasvision.systems.trackers import tracker_like

FRAMES = 12  # of each example
SECONDS = 0.04  # from frame to frame
MOVE_PX = 2  # from frame to frame, to the right
LEAST_IOU = 0.99  # of a file's boxes and the tracker's, of one id


def frames_of(served, samples):
    """[uint8 [1, h, w, 3]]: the examples at the graph's size, each moved from frame to frame."""
    held = []
    for sample in samples:
        prepared, _ = served.arch.geometry({k: tf.constant(v) for k, v in sample.items()})
        image = served.arch.at_graph_size(prepared)["image"].numpy()
        for number in range(FRAMES):
            moved = np.pad(image, ((0, 0), (0, 0), (number * MOVE_PX, 0), (0, 0)), mode="edge")
            held.append(moved[:, :, : image.shape[2]])
    return held


def in_loop(call, state_specs, frames):
    """[answer] of a function, {key: numpy array} -> the same, that is given back its state. state_specs: its own."""
    state = {k: np.zeros([1, *s.shape[1:]], s.dtype.as_numpy_dtype) for k, s in state_specs.items()}
    answers = []
    for frame in frames:
        answer = call({"image": frame, "seconds": np.float32([[SECONDS]])} | state)
        state = {k: answer[k] for k in state}
        answers.append(answer)
    return answers


def shown(answer):
    """{id: box float [4]} of what a function's answer shows."""
    ids, boxes = np.asarray(answer["ids"])[0], np.asarray(answer["boxes_xyxy"])[0]
    return {int(i): boxes[row] for row, i in enumerate(ids) if i > 0}


def followed(slots, found, frames=(), embed=None):
    """[{id: box}] by the Python tracker of the same settings. found: predictions of frames; frames: the frames, uint8
    [1, h, w, 3], by which the looks of slots that have some are known. embed: of looks by an embedding,
    `inference.served.Served.embed`.
    """
    tracker = tracker_like(slots)
    state, held = tracker.start(), []
    for number, prediction in enumerate(found):
        count = int(prediction["count"][0])
        inputs = {k: prediction[k][0, :count] for k in ("boxes_xyxy", "scores", "labels")}
        if slots.looks:
            inputs["embeddings"] = _looks(slots, prediction, frames[number], embed)[:count]
        state, answer = tracker.step({}, state, inputs | {"time": number * SECONDS})
        held.append({int(i): box for i, box in zip(answer["ids"], answer["boxes_xyxy"], strict=True)})
    return held


def _looks(slots, prediction, frame, embed):
    """[D, E] of what was found in a frame, NaN of what nobody looks at: what is not sure, and, of an embedding, what is
    behind as many as there are slots.
    """
    boxes, is_looked_at = tf.constant(prediction["boxes_xyxy"], tf.float32), prediction["scores"][0] >= slots.high_score
    if embed is None:
        return np.where(is_looked_at[:, None], color_looks(tf.constant(frame), boxes)[0].numpy(), np.nan)
    looks = embed(tf.constant(frame), boxes[:, : slots.count])[0].numpy()
    looks = np.pad(looks, ((0, boxes.shape[1] - len(looks)), (0, 0)))
    is_looked_at = is_looked_at & (np.arange(len(looks)) < slots.count)
    return np.where(is_looked_at[:, None], looks, np.nan)


def likeness(expected, given):
    """(share of frames with the same ids, least IoU of the boxes of one id in those), 1 where nothing is shown."""
    same = [set(a) == set(b) for a, b in zip(expected, given, strict=True)]
    shares = [
        overlaps(a[i][None], b[i][None])[0, 0]
        for a, b, is_same in zip(expected, given, same, strict=True)
        for i in a
        if is_same
    ]
    return float(np.mean(same)) if same else 1.0, float(min(shares, default=1.0))


def doubts_of(functions):
    """Lines about loops whose ids were compared with nothing, which no file can fail. functions: of contract.json."""
    lines = []
    for name, row in functions.items():
        held = row.get("closed_loop")
        if held and not held["frames"]:
            lines.append(
                f"{name}: ids were compared in no frame, since {held['left_out']} times an object had no slot, from "
                "the first frame on; export with more of them (model.slots.count)"
            )
        elif held and not held["objects"]:
            lines.append(f"{name}: ids were compared with none, since nothing was followed in {held['frames']} frames")
    return tuple(lines)


class LoopJudge:
    """What the trained model finds in a film, who is who in it, and how far rounding changes that.

    served: a `Served` with a function that is a loop. samples: serving inputs with a batch axis of 1.
    """

    def __init__(self, served, name, samples):
        self._served = served
        self._find = served.fixed(batch=1)
        specs = served.functions[name].input_signature[0]
        self._state = {k: s for k, s in specs.items() if k not in ("image", "seconds")}
        every = frames_of(served, samples)
        own = in_loop(self._of_graph(name), self._state, every)
        left = [int(answer["left_out"][0]) for answer in own]
        # the Python tracker has no end of slots: from the first object without one on, the two differ by design
        self.left_out = sum(left)
        self.frames = every[: next((n for n, count in enumerate(left) if count), len(left))]
        self._embed = tf.function(served.embedder.embed, autograph=False) if served.embedder else None
        self.expected = self._followed()
        self._explained = {}

    def _of_graph(self, name):
        function = self._served.functions[name]
        return lambda inputs: {
            k: v.numpy() for k, v in function({k: tf.constant(v) for k, v in inputs.items()}).items()
        }

    def _followed(self):
        return followed(self._served.arch.slots, self._found(), self.frames, self._embed)

    def _found(self):
        every = (self._find({"image": tf.constant(frame)}) for frame in self.frames)
        return [{k: v.numpy() for k, v in found.items()} for found in every]

    def explained(self, precision):
        """(share of the same ids, least IoU) that are left where rounding moves the trained model's weights."""
        if precision not in self._explained:
            held = []
            for seed in range(BOUND_DRAWS):
                with moved_weights(self._served.weights, precision, seed):
                    held.append(likeness(self.expected, self._followed()))
            self._explained[precision] = tuple(min(column) for column in zip(*held, strict=True))
        return self._explained[precision]

    def measured(self, call, precision):
        """(what contract.json says of a file's function, lines about what is wrong). call: {key: array} -> the same,
        one frame. precision: of the exporter.
        """
        given = [shown(answer) for answer in in_loop(call, self._state, self.frames)]
        same, iou = likeness(self.expected, given)
        row = {"frames": len(self.frames), "objects": len({i for frame in self.expected for i in frame})}
        row |= {"left_out": self.left_out, "same_ids": same, "least_iou": iou}
        wrong = []
        if precision and (same < 1 or iou < LEAST_IOU):
            least_same, least_iou = self.explained(precision)
            if same < least_same:
                wrong.append(f"gives other ids than the tracker in {1 - same:.0%} of {len(given)} frames")
            if iou < min(LEAST_IOU, least_iou):
                wrong.append(f"gives boxes that overlap those of the tracker by {iou:.3f} alone")
        return row, tuple(wrong)
