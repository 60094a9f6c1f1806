"""Windows over a recording by counting, what is heard when, and sounds that a client refuses."""

import numpy as np
import pytest

from kerasvision.edge import EdgeError, describing, hearing
from tests.data.drawn_sounds import tone, write_wav

RULES = {"rates": [1000, 384_000], "loudest": 8.0}


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, [(0, 1)]),
        (40, [(0, 40)]),
        (41, [(0, 40), (1, 41)]),
        (60, [(0, 40), (20, 60)]),
        (61, [(0, 40), (20, 60), (21, 61)]),
        (80, [(0, 40), (20, 60), (40, 80)]),
    ],
)
def test_windows_hear_every_sample_and_the_last_one_ends_with_the_recording(count, expected):
    """4 s of 10 samples a second, every 2 s: by hand."""
    assert hearing.windows_of(count, 10, 4.0, 2.0) == expected


def test_windows_of_odd_rates_leave_nothing_out():
    for count in range(1, 400, 7):
        for rate, seconds, hop_s in ((11, 3.0, 3.0), (7, 5.0, 0.3), (13, 1.1, 0.7), (9, 0.5, 0.5), (3, 1.5, 1.5)):
            spans = hearing.windows_of(count, rate, seconds, hop_s)
            heard = np.zeros(count, int)
            for first, behind in spans:
                assert 0 <= first < behind <= count
                heard[first:behind] += 1
            assert heard.all() and len({b - a for a, b in spans}) == 1 and spans == sorted(set(spans))


def test_a_hop_of_half_a_sample_leaves_none_between_two_windows():
    """0.5 s of 11,025 samples a second are 5,512.5: windows of 5,512 stand 5,512 apart over 3 s."""
    spans = hearing.windows_of(33_075, 11_025, 0.5, 0.5)
    assert spans[:6] == [(5512 * n, 5512 * (n + 1)) for n in range(6)] and spans[6:] == [(27_563, 33_075)]
    assert hearing.windows_of(33_081, 11_027, 0.5, 0.5)[1] == (5514, 11_028)  # of 5,513.5, which is rounded up


@pytest.mark.parametrize(("hop_s", "fits"), [(None, True), (2.0, True), (2.001, False), (0.01, True), (0.009, False)])
def test_a_hop_leaves_nothing_unheard(hop_s, fits):
    if fits:
        assert hearing.hop_of(hop_s, 2.0) == (hop_s or 1.0)
        return
    with pytest.raises(ValueError, match=r"allowed: 0\.01 to 2, what the model hears at once"):
        hearing.hop_of(hop_s, 2.0)


def loudness(windows, rate):
    """A model of two classes, quiet and loud: the share of loud samples."""
    loud = (np.abs(windows) > 0.5).mean(1)
    return {"probabilities": np.stack([1 - loud, loud], 1)}


def test_what_is_heard_when_and_the_mean_of_all(monkeypatch):
    """3 s of silence, then 2 s of ones, windows of 2 s each second: quiet, quiet, half (the first class), loud."""
    monkeypatch.setattr(hearing, "BATCH", 3)
    audio = np.repeat(np.float32([0, 1]), [30, 20])
    heard = hearing.listened(loudness, audio, 10, 2.0, 1.0)
    np.testing.assert_array_equal(heard["from_s"], [0, 1, 2, 3])
    np.testing.assert_array_equal(heard["to_s"], [2, 3, 4, 5])
    np.testing.assert_allclose(heard["probabilities"][:, 1], [0, 0, 0.5, 1])

    def describe(values):
        order = np.argsort(-values["probabilities"], kind="stable")
        return {"top": [{"label": "ql"[i], "index": int(i), "score": float(values["probabilities"][i])} for i in order]}

    told = hearing.described(heard, describe)
    assert told["top"][0] == {"label": "q", "index": 0, "score": 0.625}
    assert [row["top"][0]["label"] for row in told["windows"]] == list("qqql")
    assert told["heard"] == [
        {"from_s": 0.0, "to_s": 4.0, "label": "q", "index": 0, "score": 0.833333},
        {"from_s": 3.0, "to_s": 5.0, "label": "l", "index": 1, "score": 1.0},
    ]


def test_sounds_come_from_files_and_as_samples(tmp_path):
    audio = tone(500, 8000, 0.1)
    write_wav(tmp_path / "a.wav", audio, 8000)
    held, rate = hearing.sound_of(str(tmp_path / "a.wav"), RULES)
    assert rate == 8000 and np.abs(held - audio).max() < 2 / 32767
    given, rate = hearing.sound_of((audio.astype(np.float64), np.int32(8000)), RULES)
    assert rate == 8000 and given.dtype == np.float32
    np.testing.assert_array_equal(given, audio)


@pytest.mark.parametrize("key", ["rates", "loudest"])
def test_a_contract_of_an_older_export_is_one_line(key):
    with pytest.raises(EdgeError, match=rf"what sounds the model takes \({key}\); export the model again$"):
        hearing.sound_of((tone(500, 8000, 0.1), 8000), {k: v for k, v in RULES.items() if k != key})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("a.mp3", "reads sounds of .wav files"),
        ("none.wav", "cannot be read: No such file"),
        ((np.zeros(4, np.float32), 999), "is of 999 Hz; the rate of a sound is 1000 to 384000"),
        ((np.zeros(0, np.float32), 8000), "holds no samples (0 s)"),
        ((np.zeros(4, np.int16), 8000), "samples are float32 [N] in -1..1; seen: int16 [4]"),
        ((np.zeros((4, 2), np.float32), 8000), "seen: float32 [4, 2]"),
        ((np.float32([0, np.nan]), 8000), "has a sample of nan"),
        ((np.float32([0, 8.1]), 8000), "has a sample of 8.1; divide integers"),
        ((np.zeros(4, np.float32), None), "the rate of a sound is a number, samples a second; seen: None"),
        ((np.zeros(4, np.float32), "8000"), "a number, samples a second; seen: '8000'"),
        ((np.zeros(4, np.float32), [8000]), "a number, samples a second; seen: [8000]"),
        (np.zeros(4, np.float32), "a sound is a .wav file, or (float32 [N], samples a second); seen: ndarray"),
    ],
)
def test_what_is_no_sound_is_one_line(given, words):
    with pytest.raises(EdgeError) as raised:
        hearing.sound_of(given, RULES)
    assert words in str(raised.value) and "\n" not in str(raised.value)


def quiet_and_loud(windows, rate):
    """A model of two labels, of which both may be there: whether at least a half is quiet, and is loud."""
    loud = (np.abs(windows) > 0.5).mean(1)
    held = np.stack([1 - loud, loud], 1)
    return {"probabilities": held, "present": np.int32(held >= 0.5)}


def test_of_several_labels_each_has_its_own_stretches():
    """3 s of silence, 2 s of ones, 2 s of silence, windows of 2 s each second: the third and the fifth are both."""
    audio = np.repeat(np.float32([0, 1, 0]), [30, 20, 20])
    heard = hearing.listened(quiet_and_loud, audio, 10, 2.0, 1.0)
    told = hearing.described(heard, lambda values: describing.several(values, ("q", "l")))
    assert [[row["label"] for row in w["labels"]] for w in told["windows"]] == [["q"], ["q"], [*"ql"], ["l"], [*"ql"],
                                                                              ["q"]]  # fmt: skip
    assert told["heard"] == [
        {"from_s": 0.0, "to_s": 4.0, "label": "q", "index": 0, "score": 0.833333},
        {"from_s": 2.0, "to_s": 6.0, "label": "l", "index": 1, "score": 0.666667},
        {"from_s": 4.0, "to_s": 7.0, "label": "q", "index": 0, "score": 0.75},
    ]
    assert {row["label"]: row["score"] for row in told["labels"]} == {"q": 1.0, "l": 1.0}
    silent = hearing.listened(quiet_and_loud, audio[:30], 10, 2.0, 1.0)
    told = hearing.described(silent, lambda values: describing.several(values, ("q", "l")))
    assert [row["label"] for row in told["labels"]] == ["q"] and len(told["heard"]) == 1
