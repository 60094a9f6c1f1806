"""Augmentations of sounds: masks, noise, shifts and loudness by what they must measure."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import augmentations, create
from kerasvision.data.augmenting import check_augmentations
from kerasvision.ops.sound import MASKED
from kerasvision.ops.sound_bounds import LOUDEST
from tests.contract.cases import CASES as ARCHITECTURES
from tests.data.augment.traced import plain
from tests.data.drawn_sounds import burst, tone

CASES = {"audio/gain": {}, "audio/noise": {}, "audio/shift": {}, "audio/spec_augment": {"band_masks": 2}}
RATE = 8000
SOUND = tone(440, RATE, 0.1)


def sample(audio=SOUND):
    return {"audio": tf.constant(audio), "rate": tf.constant(RATE), "label": tf.constant(3)}


def after(part, number, audio=SOUND):
    changed = part(sample(audio), tf.constant([17, number]))
    assert changed.keys() - {MASKED} == sample().keys() and changed["label"] == 3 and changed["rate"] == RATE
    assert changed["audio"].shape == audio.shape
    return {k: v.numpy() for k, v in changed.items()}


@pytest.mark.parametrize("name", CASES)
def test_seeds_alone_decide_eagerly_and_in_tf_data(name):
    part = augmentations[name](**CASES[name])
    assert from_json(to_json(part)) == part
    found = [after(part, n) for n in range(3)]
    data = tf.data.Dataset.range(3).map(plain(lambda n: part(sample(), tf.stack([17, tf.cast(n, tf.int32)]))))
    for mine, theirs in zip(found, data.as_numpy_iterator(), strict=True):
        for key in ("audio", *({MASKED} & mine.keys())):
            np.testing.assert_allclose(theirs[key], mine[key], atol=1e-6)
    key = MASKED if MASKED in found[0] else "audio"
    assert len({held[key].tobytes() for held in found}) == 3


def test_noise_is_as_loud_as_it_says():
    """Of 80,000 samples: a deviation is within 1.5 % of its own, six standard deviations of an estimate."""
    audio = tone(440, RATE, 10)
    for decibels in (0.0, 20.0):
        added = after(create("augmentations/audio/noise", decibels=(decibels, decibels)), 0, audio)["audio"] - audio
        wanted = audio.std() * 10 ** (-decibels / 20)
        assert abs(added.std() / wanted - 1) < 0.015 and abs(added.mean()) < 0.02 * wanted
    assert not after(create("augmentations/audio/noise"), 0, np.zeros(100, np.float32))["audio"].any()


def test_the_loudest_is_what_a_model_takes():
    """A factor of ten, and noise ten times as loud: 9 and up to 20 where a model takes 8."""
    audio = tone(440, RATE, 0.5) * np.float32(0.9 / np.abs(tone(440, RATE, 0.5)).max())
    for part in (
        create("augmentations/audio/gain", decibels=(20, 20)),
        create("augmentations/audio/noise", decibels=(-20, -20)),
    ):
        assert np.abs(after(part, 0, audio)["audio"]).max() == LOUDEST
    quiet = create("augmentations/audio/gain", decibels=(18, 18))
    assert np.abs(after(quiet, 0, audio)["audio"]).max() == pytest.approx(0.9 * 10**0.9, rel=1e-5)


def test_shifts_go_both_ways_and_no_further():
    audio = np.zeros(800, np.float32)
    audio[400] = 1
    part = create("augmentations/audio/shift", seconds=0.02)
    moved = np.array([int(after(part, n, audio)["audio"].argmax()) - 400 for n in range(40)])
    assert moved.min() < -80 and moved.max() > 80 and np.abs(moved).max() <= 160
    far = create("augmentations/audio/shift", seconds=100.0)
    assert any(not after(far, n)["audio"].any() for n in range(3))
    np.testing.assert_array_equal(after(create("augmentations/audio/shift", seconds=0.0), 1)["audio"], SOUND)


def test_loudness_is_a_factor():
    part = create("augmentations/audio/gain", decibels=(-6.0206, -6.0206))
    np.testing.assert_allclose(after(part, 0)["audio"], SOUND / 2, rtol=1e-5)


def test_masks_hide_moments_or_bands_and_no_more_than_they_may():
    part = create("augmentations/audio/spec_augment", moments=0.2, bands=0.5, moment_masks=2, band_masks=1)
    masks = np.stack([after(part, n)[MASKED] for n in range(60)])
    assert masks.shape == (60, 3, 4) and masks.min() >= 0 and masks.max() <= 1
    widths = masks[..., [1, 3]] - masks[..., [0, 2]]
    assert (widths[:, :2, 1] == 1).all() and (widths[:, 2:, 0] == 1).all()
    assert 0.15 < widths[:, :2, 0].max() <= 0.2 and 0.4 < widths[:, 2, 1].max() <= 0.5
    assert widths.min() < 0.05
    twice = after(part, 1) | {"audio": SOUND}
    again = part({k: tf.constant(v) for k, v in twice.items()}, tf.constant([1, 1]))
    np.testing.assert_array_equal(again[MASKED][:3], twice[MASKED])  # what stood there before stays hidden


def test_what_is_hidden_becomes_the_mean_of_the_picture():
    arch = ARCHITECTURES["audio_classification/classifier"].make()
    audio = burst(0, 8000, 0.25)
    held = {"audio": tf.constant(audio), "rate": tf.constant(8000), "label": tf.constant(1)}
    plain_picture = arch.normalize({"audio": tf.constant(audio[None])})["image"][0].numpy()
    rectangles = tf.constant([[0.0, 0.5, 0.0, 1.0]])
    prepared, targets = arch.example(held | {MASKED: rectangles})
    assert targets.keys() == arch.example(held)[1].keys()
    picture = arch.normalize({k: v[None] for k, v in prepared.items()})["image"][0].numpy()
    half = len(picture) // 2
    np.testing.assert_allclose(picture[:half], plain_picture.mean(), atol=1e-4)
    np.testing.assert_array_equal(picture[half:], plain_picture[half:])


def test_what_takes_no_sound_is_refused():
    arch = create("audio_classification/classifier", num_classes=2)
    check_augmentations([create("augmentations/audio/noise")], arch)
    with pytest.raises(UsageError, match=r"works on images, and audio_classification/classifier .*audio/\*"):
        check_augmentations([create("augmentations/photometric/gamma")], arch)
    with pytest.raises(UsageError, match="works on sounds, and classification/classifier takes image"):
        check_augmentations([create("augmentations/audio/noise")], create("classification/classifier"))
    with pytest.raises(UsageError, match=r"moments=1.5; allowed: 0 to 1"):
        create("augmentations/audio/spec_augment", moments=1.5)
