"""Pages judged: CER as jiwer has it, tau as counted by hand, and what is not found."""

import jiwer
import numpy as np
import pytest
from scipy.stats import kendalltau

from kerasvision.metrics.pages import PageReading, places, tau


def boxes(*lefts):
    return np.array([[[x, 0], [x + 10, 0], [x + 10, 8], [x, 8]] for x in lefts], float).reshape(-1, 4, 2)


def judged(*pages):
    judge = PageReading()
    for read, found, true, there in pages:
        judge.update({"words": [read], "word_quads_xy": [found]}, {"words": [true], "word_quads_xy": [there]})
    return judge.result()


def test_rates_are_those_of_jiwer():
    read, true = ["teh", "order", "of", "pages"], ["the", "order", "of", "a", "page"]
    result = judged((read, boxes(*range(0, 80, 20)), true, boxes(*range(0, 100, 20))))
    assert result["cer"] == pytest.approx(jiwer.cer(" ".join(true), " ".join(read)))
    assert result["wer"] == pytest.approx(jiwer.wer(" ".join(true), " ".join(read)))


def test_order_is_that_of_the_words_that_are_found():
    there = boxes(0, 20, 40, 60, 80)
    shuffled = [2, 0, 1, 4]  # the fourth is not found
    result = judged((list("cabe"), there[shuffled], list("abcde"), there))
    assert result["found"] == 0.8
    assert result["tau"] == pytest.approx(kendalltau([0, 1, 2, 3], [1, 2, 0, 3]).statistic)  # 2 of 6 pairs are turned
    assert result["tau"] == pytest.approx(1 - 2 * 2 / 6)


def test_words_that_were_read_as_one_are_in_order():
    one = np.array([[[0, 0], [30, 0], [30, 8], [0, 8]]], float)
    assert places(one, boxes(0, 20)).tolist() == [0, 0]
    assert judged((["ab"], one, ["a", "b"], boxes(0, 20)))["tau"] == 1.0
    page = np.array([[[-100, -100], [500, -100], [500, 500], [-100, 500]]], float)
    found = judged((["abc"], page, ["a", "b", "c"], boxes(0, 20, 40)))
    assert found["found"] == found["tau"] == found["wer"] == 1.0, "only what was read tells that nothing was parted"


@pytest.mark.parametrize(("shift", "found"), [(4.9, 0), (5.1, -1)])
def test_half_of_the_smaller_is_found(shift, found):
    assert places(boxes(shift), boxes(0)).tolist() == [found]


def test_what_is_undefined_is_left_out():
    assert judged(([], boxes(), [], boxes())) == {}
    assert judged((["a"], boxes(0), ["a"], boxes(0))) == {"cer": 0.0, "wer": 0.0, "found": 1.0}
    assert np.isnan(tau(np.array([-1, 3])))
    whole = judged(([], boxes(), ["ab"], boxes(0)))
    assert whole == {"cer": 1.0, "wer": 1.0, "found": 0.0}
