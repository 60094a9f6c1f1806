"""The lines of a page within a graph: a detector's quads are set straight, cut, read, and become UTF-8 strings."""

import tensorflow as tf

from kerasvision.core.characters import BLANK, text_of
from kerasvision.core.errors import SAYS
from kerasvision.edge.pages.reading import LEAST_PX
from kerasvision.edge.pages.strips import MOST_PARTS
from kerasvision.export.reader import crops
from kerasvision.export.reader.columns import from_right_to_left
from kerasvision.export.reader.cuts import canvases
from kerasvision.export.reader.spelling import Alphabet, words_of

KEYS = {"labels": tf.int32, "count": tf.int32, "path_score": tf.float32}  # of what a recognizer says


class Lines:
    """Final. Reads one page.

    detect: a function, uint8 [1, H, W, 3] -> {"quads_xy" float32 [1, S, 4, 2], "count" [1]}. recognize: uint8 [N, h, w,
    3] -> what has `KEYS`, [N, ...]. most: S. size_hw: (h, w). classes: names. rules: `edge.pages.reading.Rules`, whose
    orientation is "0", "90", "180" or "270" and whose least_certainty is a number or None, of one recognizer.
    """

    def __init__(self, detect, recognize, most, size_hw, classes, rules):
        self._detect, self._recognize, self._most = detect, recognize, most
        self._rules, self._least = rules, rules.least_certainty or 0.0
        self._size_hw, self._turn = size_hw, int(rules.orientation)
        self._alphabet, self._is_blank = Alphabet([text_of([name]) for name in classes]), [n == BLANK for n in classes]

    def specs(self):
        """{key: spec} of what `__call__` gives."""
        most = self._most
        return {
            "texts": tf.TensorSpec([most], tf.string),
            "scores": tf.TensorSpec([most], tf.float32),
            "quads_xy": tf.TensorSpec([most, 4, 2], tf.float32),
            "count": tf.TensorSpec([], tf.int32),
            "unread": tf.TensorSpec([], tf.int32),
            "refused": tf.TensorSpec([], tf.int32),
        }

    def __call__(self, image):
        """uint8 [H, W, 3] -> `texts` string [S], `scores` float32 [S], the probability of the likeliest paths of all
        parts of a line, `quads_xy` float32 [S, 4, 2] in its pixels, as they were read; "" and 0 from `count` int32 on;
        `unread` int32, how many were found that say nothing or have no area; `refused` int32, how many are less sure
        than `least_certainty`. In the detector's order; characters and words of each are in the order in which they are
        read, and its columns say whether that is from right to left.
        """
        page = tf.image.rot90(image, -self._turn // 90 % 4)
        found = self._detect(page[None])
        quads = tf.cast(found["quads_xy"][0], tf.float64)[: found["count"][0]]
        line = f"{SAYS} the detector answers quads that are not finite; its weights are damaged; corners:"
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(tf.math.is_finite(quads)), [line, quads])]):
            sides = tf.norm(tf.roll(quads, -1, 1) - quads, axis=2)
        held = tf.boolean_mask(quads, tf.reduce_all(sides >= LEAST_PX, 1))
        held, texts, scores, certain = self._surer_ends(page, *crops.upright(held))
        said = texts != ""
        kept = said & (certain >= self._least)
        answer = {"texts": tf.boolean_mask(texts, kept), "scores": tf.boolean_mask(scores, kept)}
        answer["quads_xy"] = self._as_given(tf.boolean_mask(held, kept), tf.shape(image))
        answer = {key: self._padded(tf.cast(value, self.specs()[key].dtype)) for key, value in answer.items()}
        count, spoken = (tf.reduce_sum(tf.cast(flags, tf.int32)) for flags in (kept, said))
        return answer | {"count": count, "unread": tf.shape(quads)[0] - spoken, "refused": spoken - count}

    def _surer_ends(self, page, quads, angle):
        """(quads as they are read, float64 [N, 4, 2]; string [N]; probabilities float64 [N]; the mean, geometric, of a
        character's). What stands upright is read from both ends, and the surer one counts, the one that is read down
        where they are alike.
        """
        stands, down = crops.running_down(quads, angle)
        asked = tf.concat([down, tf.roll(tf.boolean_mask(down, stands), 2, 1)], 0)
        asked = crops.wider(asked, self._rules.margin)
        words, scores, counts = self._read(page, asked)
        certain = scores ** (1 / tf.cast(tf.maximum(counts, 1), tf.float64))
        certain = tf.where(words.counts() > 0, certain, 0.0)
        place, count = tf.cast(tf.where(stands)[:, 0], tf.int32), tf.shape(quads)[0]
        other = count + tf.range(tf.size(place))
        chosen = tf.where(tf.gather(certain, other) > tf.gather(certain, place), other, place)
        index = tf.tensor_scatter_nd_update(tf.range(count), place[:, None], chosen)
        read, votes = tf.gather(asked, index), tf.gather(self._alphabet.votes(words), index)
        back = tf.scatter_nd(index[:, None], from_right_to_left(read, votes, stands, self._rules), tf.shape(counts))
        texts = self._alphabet.texts(words, back)
        return read, *(tf.gather(value, index) for value in (texts, scores, certain))

    def _read(self, page, quads):
        """(`Words` of N lines, probability float64 [N], characters int32 [N]) of each quad, float64 [N, 4, 2]."""
        height, width = self._size_hw
        count = tf.shape(quads)[0]

        def step(number, pieces, blanks, sizes):
            quad = quads[number]
            sides = tf.norm(tf.roll(quad, -1, 0) - quad, axis=1)
            along = tf.round((sides[0] + sides[2]) / (sides[1] + sides[3]) * height)
            columns = tf.cast(tf.clip_by_value(along, 1, width * MOST_PARTS), tf.int32)
            strip = crops.rectified(page, quad, tf.stack([columns, height]))
            own, fresh = canvases(tf.ensure_shape(strip, [height, None, 3]), width)
            return (
                number + 1,
                pieces.write(number, own),
                blanks.write(number, fresh),
                sizes.write(number, tf.size(fresh)),
            )

        arrays = [
            tf.TensorArray(dtype, count, infer_shape=False, element_shape=shape)
            for dtype, shape in ((tf.uint8, [None, height, width, 3]), (tf.bool, [None]), (tf.int32, []))
        ]
        _, pieces, blanks, sizes = tf.while_loop(lambda i, *held: i < count, step, [tf.constant(0), *arrays])
        ids, scores, counts = self._said(tf.reshape(pieces.concat(), [-1, height, width, 3]))
        owner = tf.repeat(tf.range(count), tf.reshape(sizes.stack(), [-1]))
        piece = tf.repeat(tf.range(tf.size(counts)), counts)
        is_blank = tf.gather(self._is_blank, ids)
        words = words_of(ids, piece, is_blank, tf.reshape(blanks.concat(), [-1]), owner, count)
        products = tf.math.unsorted_segment_prod(scores, owner, count)
        return words, products, tf.math.unsorted_segment_sum(counts, owner, count)

    def _said(self, pieces):
        """(classes int32 [C] of all pieces uint8 [P, h, w, 3], probability float64 [P], how many are each piece's int32
        [P]), some pieces at once.
        """
        batch, count = self._rules.batch, tf.shape(pieces)[0]

        def step(at, ids, scores, counts):
            found = self._recognize(pieces[at : at + batch])
            real = tf.sequence_mask(found["count"], tf.shape(found["labels"])[1])
            number = at // batch
            ids = ids.write(number, tf.boolean_mask(found["labels"], real))
            scores = scores.write(number, tf.cast(found["path_score"], tf.float64))
            return at + batch, ids, scores, counts.write(number, found["count"])

        groups = (count + batch - 1) // batch
        arrays = [
            tf.TensorArray(dtype, groups, infer_shape=False, element_shape=[None])
            for dtype in (tf.int32, tf.float64, tf.int32)
        ]
        _, *found = tf.while_loop(lambda at, *held: at < count, step, [tf.constant(0), *arrays], parallel_iterations=1)
        return [tf.reshape(values.concat(), [-1]) for values in found]

    def _as_given(self, quads, shape):
        """Of the page turned -> of the page as it was given, as `orientation.as_given`. shape: of the latter."""
        (x, y), (height, width) = tf.unstack(quads, 2, axis=-1), tf.unstack(tf.cast(shape[:2], tf.float64), 2)
        back = {0: (x, y), 90: (y, height - x), 180: (width - x, height - y), 270: (width - y, x)}
        return tf.stack(back[self._turn], -1)

    def _padded(self, values):
        free = self._most - tf.shape(values)[0]
        held = tf.pad(values, [[0, free]] + [[0, 0]] * (values.shape.rank - 1), constant_values=_NOTHING[values.dtype])
        return tf.ensure_shape(held, [self._most, *values.shape[1:]])


_NOTHING = {tf.string: "", tf.float32: 0.0}
