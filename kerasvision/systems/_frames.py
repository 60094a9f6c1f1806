"""What systems ask of each frame of a video."""

import numpy as np

from kerasvision.core.errors import KerasVisionError


def next_frame(state, inputs, image):
    """(the time in seconds, int64 [2] height and width) of a frame. state: of the frames before, with `time` and
    `size_hw`, zeros before the first; inputs: with `time`; image: [H, W, C]. Raises KerasVisionError of another size,
    or of a time that does not go on.
    """
    time, size, before = float(inputs["time"]), np.array(image.shape[:2], np.int64), state["size_hw"]
    if before.any() and not np.array_equal(before, size):
        seen, known = (" x ".join(map(str, hw[::-1].tolist())) for hw in (size, before))
        raise KerasVisionError(f"a frame of {seen} pixels after frames of {known}; a video has one size")
    if not time > float(state["time"]) or not np.isfinite(time):
        raise KerasVisionError(
            f"a frame of {time:g} s after one of {float(state['time']):g} s; time goes on from frame to frame"
        )
    return time, size
