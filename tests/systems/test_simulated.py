"""Simulated boxes of objects that are out of sight for a while, and how many of them keep their number: by hand."""

import numpy as np
import pytest

from kerasvision.systems.simulated import frames_of, kept

RATE = 10.0
START, END = 1.0, 2.0  # seconds; frames 5 to 9 are before, 20 to 29 after
BOXES = np.array([[0, 0, 10, 10], [100, 0, 110, 10], [200, 0, 210, 10.0]])


def told(numbers):
    """(ground truth, answers) of 30 frames. numbers: frame -> the number of each of three objects, 0: not found."""
    truth, answers = [], []
    for n in range(30):
        ids = np.array(numbers(n))
        truth.append((np.arange(3), BOXES))
        answers.append({"ids": ids[ids > 0], "boxes_xyxy": BOXES[ids > 0] + 1.0})
    return truth, answers


@pytest.mark.parametrize(
    ("after", "expected"),
    [((7, 8, 9), (2, 2)), ((8, 7, 9), (0, 2)), ((7, 5, 9), (1, 2)), ((7, 0, 9), (1, 2)), ((0, 0, 0), (0, 2))],
)
def test_numbers_before_and_after_are_compared(after, expected):
    """Of the first two objects; the third one was never out of sight."""
    assert kept(*told(lambda n: (7, 8, 9) if n < 15 else after), 2, START, END, RATE) == expected


def test_the_number_that_stands_most_often_counts_and_boxes_elsewhere_do_not():
    def mostly(first, second, turn):
        return lambda n: (first, 8, 9) if n < turn else (second, 8, 9)

    assert kept(*told(mostly(7, 6, 24)), 1, START, END, RATE) == (0, 1)  # 7 in 4 of the 10 frames after it
    assert kept(*told(mostly(7, 6, 26)), 1, START, END, RATE) == (1, 1)  # and in 6
    truth, answers = told(lambda n: (7, 8, 9))
    away = [answer | {"boxes_xyxy": answer["boxes_xyxy"] + (n >= 20) * 4.0} for n, answer in enumerate(answers)]
    assert kept(truth, away, 1, START, END, RATE) == (0, 1)  # five of ten pixels off both ways: an IoU of a seventh
    assert kept(truth, told(lambda n: (0, 8, 9))[1], 2, START, END, RATE) == (1, 1)  # the first had no number before


def test_who_is_out_of_sight_hides_nobody():
    """All but the last one of a crowd are hidden: it is in sight in every frame, if they cover nothing."""
    plain = [set(ids.tolist()) for _, (ids, _) in frames_of("crowded", 35, 20, RATE)]
    gone = [set(ids.tolist()) for _, (ids, _) in frames_of("crowded", 35, 20, RATE, hidden=(29, 0.0, 9.0))]
    assert any(29 not in ids for ids in plain), "else nothing is shown"
    assert all(ids == {29} for ids in gone)


def test_hidden_objects_are_neither_found_nor_true_and_come_back_where_they_went():
    seen = list(frames_of("open", 3, 40, RATE))
    gone = list(frames_of("open", 3, 40, RATE, hidden=(4, START, END)))
    for n, ((found, (ids, boxes)), (_, (all_ids, all_boxes))) in enumerate(zip(gone, seen, strict=True)):
        is_gone = START <= n / RATE < END
        assert bool(set(ids.tolist()) & set(range(4))) != is_gone
        if is_gone:
            far = np.abs(found["boxes_xyxy"][:, None] - all_boxes[all_ids < 4][None]).max(-1)
            assert (far > 5).all()
        else:
            assert ids.tolist() == all_ids.tolist() and boxes.tobytes() == all_boxes.tobytes()
