"""Best path decoding against TensorFlow's own decoder, which no file of a phone has, and against lines by hand."""

import numpy as np
import tensorflow as tf

from kerasvision.ops.ctc import frames_needed, greedy, ideal_logits

B, T, K = 10_000, 12, 3
A, BB, BLANK = 0, 1, 2  # of the lines by hand


def test_it_reads_what_tensorflow_s_decoder_reads():
    logits = np.random.default_rng(0).normal(0, 2, (B, T, K + 1)).astype(np.float32)
    logits[: B // 2, :, K] += 1.5  # blanks as often as networks say them
    (sparse,), minus_log = tf.nn.ctc_greedy_decoder(tf.transpose(logits, [1, 0, 2]), tf.fill([B], T))
    expected = tf.sparse.to_dense(sparse, default_value=-1).numpy()
    found = {k: v.numpy() for k, v in greedy(tf.constant(logits)).items()}
    width = expected.shape[1]
    np.testing.assert_array_equal(found["labels"][:, :width], expected)
    assert (found["labels"][:, width:] == -1).all()
    np.testing.assert_array_equal(found["count"], (expected >= 0).sum(1))
    # its score is the sum of the best path's logits
    normal = np.log(np.exp(logits).sum(-1)).sum(1)
    np.testing.assert_allclose(np.log(found["path_score"]), -minus_log[:, 0] - normal, rtol=1e-4, atol=1e-4)


def line(*frames):
    """Logits [1, T, 3] of frames that say (class, its probability), the rest shared by the others."""
    rows = np.full((len(frames), 3), np.nan)
    for row, (k, share) in zip(rows, frames, strict=True):
        row[:] = (1 - share) / 2
        row[k] = share
    return tf.constant(np.log(rows)[None], tf.float32)


def test_a_line_by_hand():
    frames = ((BLANK, 0.9), (A, 0.5), (A, 0.8), (BLANK, 0.6), (A, 0.7), (BB, 0.4), (BB, 0.9), (BLANK, 0.5))
    found = {k: v.numpy()[0] for k, v in greedy(line(*frames)).items()}
    assert found["labels"].tolist() == [A, A, BB, -1, -1, -1, -1, -1] and found["count"] == 3
    assert found["first"].tolist() == [1, 4, 5, 0, 0, 0, 0, 0]
    assert found["behind"].tolist() == [3, 5, 7, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(found["scores"], [0.8, 0.7, 0.9, 0, 0, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found["path_score"], np.prod([share for _, share in frames]), rtol=1e-5)


def test_a_line_of_blanks_is_no_text():
    found = {k: v.numpy()[0] for k, v in greedy(line(*[(BLANK, 0.8)] * 4)).items()}
    assert found["count"] == 0 and not found["scores"].any() and (found["labels"] == -1).all()


def test_equal_neighbors_need_a_frame_between():
    lines = tf.constant([[0, 0, 1, -1], [0, 1, 0, -1], [1, 1, 1, 1], [-1, -1, -1, -1]])
    assert frames_needed(lines).numpy().tolist() == [4, 3, 7, 0]
    found = greedy(ideal_logits(lines, 7, 2))
    np.testing.assert_array_equal(found["labels"][:, :4], lines)
    assert (found["labels"][:, 4:].numpy() == -1).all()
    np.testing.assert_allclose(found["path_score"], 1.0, atol=1e-6)
